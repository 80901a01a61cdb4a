/* SPDX-License-Identifier: MIT */
/* From facts of a host to values and cells of a document: what the commands have in common. */
#pragma once

#include "cmd/cmd.h"

/* -ENOENT becomes doc_none(), other errors doc_unknown(). */
struct doc_value fact_text(struct fact_text fact);
struct doc_value fact_number(struct fact_number fact);
struct doc_value fact_bool(struct fact_number fact);

/* The words of a fact, separated by blanks, as a list. */
struct doc_value fact_words(struct arena *a, struct fact_text fact);

/* @format of the value; unknown when the identity of @f is. */
struct doc_value function_id(struct request *request, const struct pci_function *f, uint32_t id,
			     int digits);
/* "10de:1c82" for people, the vendor for programs; the device follows in a column of its own. */
struct doc_value function_ids(struct request *request, const struct pci_function *f);
struct doc_value function_class(struct request *request, const struct pci_function *f);
struct doc_value function_name(struct request *request, const struct pci_function *f);

/*
 * The cells that every table of functions begins with, for the columns FUNCTION_COLUMNS:
 * address, vendor (people: both ids), device, class, driver.
 */
#define FUNCTION_COLUMNS(level)                                                                    \
	{ "address", "ADDRESS", level }, { "vendor", "IDS", level }, { "device", NULL, level },    \
		{ "subsystem_vendor", NULL, level }, { "subsystem_device", NULL, level },          \
		{ "class", "CLASS", (level) | DOC_TRUNCATE },                                      \
	{                                                                                          \
		"driver", "DRIVER", level                                                          \
	}

/* A copy of @columns without what the options of the request leave out of the text. */
struct doc_column *function_columns(struct request *request, const struct doc_column *columns,
				    size_t n);
struct doc_value function_selector(struct request *request, const struct pci_function *f);
void function_cells(struct request *request, struct doc_row *row, const struct pci_function *f);

/* The cells of a use: kind, whether it is active, what, where, value, how to stop it. */
void use_cells(struct doc_row *row, const struct device_use *use);
