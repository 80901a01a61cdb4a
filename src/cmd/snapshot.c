// SPDX-License-Identifier: MIT
// passthru snapshot: runs everything that reads a host against a recorder, and saves what it saw.

#include "base/snapshot.h"
#include "base/text.h"
#include "cmd/cmd.h"

static int run_snapshot(struct request *request, struct err *e)
{
	struct host *host = request->host;
	const char *path = request->argument[0];
	struct doc_node *root = doc_root(request->doc);
	struct snapshot_size size;

	host->root = snapshot_record(host->root);
	int error = host_read_pci(host, e);
	if (error < 0)
		return error;
	for (const struct command *const *command = commands; *command; command++) {
		if ((*command)->read_all)
			(*command)->read_all(host);
	}
	error = snapshot_save(host->root, path, &size, e);
	if (error < 0)
		return error;
	doc_field(root, "file", "File", doc_string(path));
	doc_field(root, "functions", "PCI functions", doc_number((int64_t)host->n_functions));
	doc_field(root, "files", "Files read", doc_number((int64_t)size.files));
	doc_field(root, "links", "Links read", doc_number((int64_t)size.links));
	doc_field(root, "lists", "Directories listed", doc_number((int64_t)size.lists));
	doc_field(root, "errors", "Not there or not readable", doc_number((int64_t)size.errors));
	doc_field(root, "bytes", "Content",
		  doc_as(doc_number((int64_t)size.bytes), text_size(&host->arena, size.bytes)));
	return ANSWER_YES;
}

const struct command command_snapshot = {
	.name = "snapshot",
	.arguments = "FILE",
	.summary = "record this host, for --root FILE elsewhere",
	.help = "Writes what the reading commands ask of this host into FILE, a tar archive "
		"compressed as its "
		"name says (.tar, .tar.gz, .tar.xz, .tar.zst). The reading commands then answer "
		"from it with "
		"--root FILE as they would here.",
	.min_arguments = 1,
	.max_arguments = 1,
	.run = run_snapshot,
};
