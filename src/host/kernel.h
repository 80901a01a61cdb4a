/* SPDX-License-Identifier: MIT */
/*
 * The kernel: its release, command line, configuration and modules, for the running one and for
 * every other that is installed; lockdown and Secure Boot.
 *
 * Sources: lib/cmdline.c and kernel/params.c (grammar of the command line), scripts/depmod.sh and
 * kmod (files of lib/modules), security/lockdown/lockdown.c, the UEFI specification (SecureBoot).
 */
#pragma once

#include "base/root.h"
#include "host/fact.h"

#include <stdbool.h>
#include <stddef.h>

struct host;

/* One word of the command line. */
struct kernel_parameter {
	const char *name;
	const char *value; /* NULL: there is no '=' */
	const char *text;  /* as written, for evidence */
};

/* A configuration file of a kernel. */
struct kernel_config {
	int error;        /* -ENOENT: none of the places has it */
	const char *path; /* NULL: none */
	struct bytes text;
};

/* The list of a kernel's modules: modules.dep, modules.builtin. */
struct kernel_list {
	int error;
	const char *path;
	struct bytes text;
};

struct kernel {
	const char *release; /* "6.1.0-37-amd64" */
	const char *path;    /* "usr/lib/modules/6.1.0-37-amd64" */
	bool running;
	struct kernel_list modules, builtin;
	struct kernel_config config;
};

struct kernel_facts {
	struct fact_text release; /* of the running one; -ENOENT: this root is not running */
	struct fact_text command_line;
	struct kernel_parameter *parameters; /* without those for init */
	size_t n_parameters;

	int kernels_error; /* of listing the kernels; -ENOENT: none */
	struct kernel *kernels;
	size_t n_kernels;

	int loaded_error; /* of proc/modules */
	struct names loaded;

	struct fact_text lockdown;      /* "none", "integrity", "confidentiality" */
	struct fact_number secure_boot; /* -ENOENT: no UEFI, or no such variable */
	/* parameters of loaded modules, "Y" or "N"; -ENOENT: the module is not there */
	struct fact_text unsafe_noiommu, unsafe_interrupts;
};

#define KERNEL_COMMAND_LINE "proc/cmdline"
#define KERNEL_LOCKDOWN "sys/kernel/security/lockdown"
#define KERNEL_SECURE_BOOT                                                                         \
	"sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define KERNEL_UNSAFE_NOIOMMU "sys/module/vfio/parameters/enable_unsafe_noiommu_mode"
#define KERNEL_UNSAFE_INTERRUPTS "sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"

void host_read_kernel(struct host *host, struct kernel_facts *ret);

/* The running kernel among the installed ones; NULL when it is not known. */
const struct kernel *kernel_running(const struct kernel_facts *facts);

/* Whether the release is of that version or a later one; false when it does not begin with one. */
bool kernel_at_least(const char *release, unsigned major, unsigned minor);

/* '-' and '_' are the same in names of parameters and modules. */
bool kernel_same_name(const char *a, const char *b);

/*
 * The first parameter of that name behind @after (NULL: of all); NULL when there is no more. The
 * kernel reads all of them in order, so for most parameters the last one holds.
 */
const struct kernel_parameter *kernel_parameter_next(const struct kernel_facts *facts,
						     const char *name,
						     const struct kernel_parameter *after);
const struct kernel_parameter *kernel_parameter_last(const struct kernel_facts *facts,
						     const char *name);
/* Cuts a command line into its words; parameters behind "--" are init's and left out. */
void kernel_parse_command_line(struct arena *a, const char *text, struct kernel_parameter **ret,
			       size_t *ret_n);

enum kernel_symbol {
	KERNEL_SYMBOL_UNKNOWN, /* the configuration is not known */
	KERNEL_SYMBOL_ABSENT,  /* not mentioned: another version, or its dependencies are off */
	KERNEL_SYMBOL_OFF,
	KERNEL_SYMBOL_MODULE,
	KERNEL_SYMBOL_ON,
};

/* @name without CONFIG_. */
enum kernel_symbol kernel_symbol(const struct kernel_config *config, const char *name);

enum kernel_module {
	KERNEL_MODULE_UNKNOWN, /* the lists could not be read */
	KERNEL_MODULE_ABSENT,
	KERNEL_MODULE_LOADABLE,
	KERNEL_MODULE_BUILTIN,
};

/* What the lists of @kernel say of a module; *@ret_path, which may be NULL, the list that does. */
enum kernel_module kernel_module(const struct kernel *kernel, const char *name,
				 const char **ret_path);
/* In proc/modules. */
bool kernel_module_loaded(const struct kernel_facts *facts, const char *name);

/* ---- kernel_config.c ---- */

/* Looks where distributions put it; proc/config.gz only for the running kernel. */
void kernel_read_config(struct host *host, struct kernel *kernel);
