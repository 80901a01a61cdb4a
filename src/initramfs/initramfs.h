/* SPDX-License-Identifier: MIT */
/* The front door: what is inside an initramfs image, and what makes the images of this host. */
#pragma once

#include "initramfs/generator.h"
#include "initramfs/image.h"
