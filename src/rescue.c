// SPDX-License-Identifier: MIT
// passthru-rescue: takes changes back where the program itself cannot start, from the shell of an
// initramfs or of a rescue system that has neither its libraries nor a root of its own. One static
// file with nothing but the transaction engine; what it needs to know stands in the journal, below
// the root that is given to it.
//
// It is the small sister of `passthru undo` and `passthru history`: without the entries and images
// that kernels installed since have got from a setup, for which the system itself is needed.

#include "base/dl.h"
#include "base/root_dir.h"
#include "base/text.h"
#include "change/change.h"
#include "show/show.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum exit_status { EXIT_DONE, EXIT_REFUSED, EXIT_USAGE, EXIT_FAILED, EXIT_PARTLY };

static const char usage[] =
	"passthru-rescue [--root DIR] list\n"
	"passthru-rescue [--root DIR] [--keep-changed] undo [NUMBER]\n"
	"\n"
	"Takes back what passthru has changed in the system that is mounted at DIR, with\n"
	"its /boot and its EFI system partition; without --root in the running one.\n"
	"Without NUMBER the last change, and those that it goes on with.\n"
	"\n"
	"      --root DIR       the mounted system\n"
	"      --keep-changed   files that others have changed since stay as they are\n"
	"      --help           this help\n"
	"      --version        the version of passthru\n"
	"\n"
	"Exit status: 0 done, 1 refused, 2 wrong usage, 3 failed, 4 done in part.\n";

/* /var is a file system of its own on some hosts, and mounting it is forgotten */
#define NO_CHANGES " in var/lib/passthru/changes: is all mounted that the system has below /var?"

struct invocation {
	const char *root; /* NULL: the running system */
	bool undo, keep_changed, shown;
	unsigned number; /* 0: the last */
};

/* ---- list ---- */

static void print_change(struct arena *a, const struct change_info *change)
{
	static const char *const states[] = {
		[CHANGE_APPLYING] = "interrupted", [CHANGE_APPLIED] = "in place",
		[CHANGE_CONFIRMED] = "confirmed",  [CHANGE_UNDOING] = "undone in part",
		[CHANGE_UNDONE] = "undone",        [CHANGE_DAMAGED] = "damaged",
	};
	const time_t time_s = (time_t)change->time_s;
	char when[32] = "-";
	struct tm tm;

	if (change->state != CHANGE_DAMAGED && gmtime_r(&time_s, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M UTC", &tm);
	printf("%u  %-14s  %s  %s\n", change->number, states[change->state], when,
	       doc_plain(a, change->problem ? change->problem : change->title));
	for (size_t i = 0; change_in_place(change) && i < change->paths.n; i++)
		printf("      %s\n", doc_plain(a, change->paths.name[i]));
}

static int list(struct host *host, struct err *e)
{
	struct change_list changes;
	int error = change_history(host, &changes, e);

	if (error < 0)
		return error;
	for (size_t i = 0; i < changes.n; i++)
		print_change(&host->arena, &changes.changes[i]);
	if (changes.n == 0)
		printf("there is no change" NO_CHANGES "\n");
	return EXIT_DONE;
}

/* ---- undo ---- */

/* What is undone together, the last first. */
struct chain {
	const struct change_info **changes;
	unsigned *numbers;
	size_t n;
};

static struct chain chain_of(struct arena *a, const struct change_list *list,
			     const struct change_info *first)
{
	struct chain chain = { .changes = arena_array(a, list->n, sizeof(*chain.changes)),
			       .numbers = arena_array(a, list->n, sizeof(*chain.numbers)) };

	for (size_t i = list->n; i-- > 0;) {
		if (!change_goes_with(list, &list->changes[i], first))
			continue;
		chain.numbers[chain.n] = list->changes[i].number;
		chain.changes[chain.n++] = &list->changes[i];
	}
	return chain;
}

static void print_differences(struct host *host, const struct chain *chain)
{
	struct change_differences differences;

	if (change_all_differ(host, chain->changes, chain->n, &differences, NULL) < 0)
		return; /* the refusal itself is said */
	for (size_t i = 0; i < differences.n; i++) {
		const struct change_difference *difference = &differences.list[i];
		const char *diff = difference->diff;

		printf("%s %s\n", doc_plain(&host->arena, difference->path), difference->what);
		for (size_t n; diff && *diff; diff += n + (diff[n] == '\n')) {
			n = strcspn(diff, "\n");
			printf("%s\n",
			       doc_plain(&host->arena, arena_strndup(&host->arena, diff, n)));
		}
	}
}

/* All of them are looked at before the first is touched. */
static int undo_chain(struct change_session *session, const struct chain *chain,
		      const struct change_undo_how *how, struct err *e)
{
	struct arena *a = &session->host->arena;
	unsigned number;
	int error = change_undo_check(session, chain->numbers, chain->n, how, e);

	if (error < 0) {
		print_differences(session->host, chain);
		return error;
	}
	for (size_t i = 0; i < chain->n; i++) {
		error = change_undo(session, chain->numbers[i], how, &number, e);
		if (error < 0 && i == 0)
			return error;
		if (error < 0) {
			fprintf(stderr, "passthru-rescue: %s\n", doc_plain(a, e->text));
			return EXIT_PARTLY;
		}
		printf("change %u (%s) is undone\n", number,
		       doc_plain(a, chain->changes[i]->title));
	}
	return EXIT_DONE;
}

static int undo_all(struct change_session *session, unsigned asked,
		    const struct change_undo_how *how, struct err *e)
{
	struct host *host = session->host;
	struct change_list changes;
	int error = change_history(host, &changes, e);

	if (error < 0)
		return error;
	const struct change_info *first =
		asked ? change_find(&changes, asked) : change_first_of_last(&changes);
	/* change_open() has ended just that one */
	if (asked && asked == session->recovered_number &&
	    (!first || first->state == CHANGE_UNDONE))
		return EXIT_DONE;
	if (asked && !first)
		return err_refuse(e, "there is no change %u", asked);
	if (!first && session->recovered.n == 0)
		return err_refuse(e, changes.n ? "there is no change to undo"
					       : "there is no change to undo" NO_CHANGES);
	if (!first)
		return EXIT_DONE;
	const struct chain chain = chain_of(&host->arena, &changes, first);
	return undo_chain(session, &chain, how, e);
}

static int undo(struct host *host, const struct invocation *in, struct err *e)
{
	const struct change_undo_how how = { .keep_changed = in->keep_changed };
	struct change_session session;
	int answer = change_open(host, &how, &session, e);

	for (size_t i = 0; answer == 0 && i < session.recovered.n; i++)
		printf("%s\n", doc_plain(&host->arena, session.recovered.name[i]));
	if (answer == 0)
		answer = undo_all(&session, in->number, &how, e);
	change_close(&session);
	return answer;
}

/* ---- the program ---- */

/* In place of base/dl.c: no library is there, and none is needed, for no record of a host is read.
 */
int dl_load(const char *soname, const struct dl_symbol *symbols, size_t n, struct err *e)
{
	(void)symbols;
	(void)n;
	return err_fail(e, -ENOENT, "this needs %s, which this program never loads", soname);
}

static int parse(struct invocation *in, int argc, char **argv, struct err *e)
{
	static const struct option options[] = {
		{ "root", required_argument, NULL, 'r' },
		{ "keep-changed", no_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ 0 },
	};
	uint64_t number;
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'r')
			in->root = optarg;
		else if (option == 'k')
			in->keep_changed = true;
		else if (option == 'h' || option == 'v')
			in->shown = true;
		else
			return err_usage(e, "%s is not understood; --help tells the options",
					 argv[optind - 1]);
		if (in->shown) {
			printf("%s",
			       option == 'h' ? usage : "passthru-rescue " PASSTHRU_VERSION "\n");
			return 0;
		}
	}
	const char *what = argv[optind], *which = what ? argv[optind + 1] : NULL;
	in->undo = what && str_eq(what, "undo");
	if (!what || (!in->undo && !str_eq(what, "list")) || (which && !in->undo) ||
	    (which && argv[optind + 2]))
		return err_usage(e, "what is to be done: list, or undo [NUMBER]");
	if (which && (text_number(which, 10, INT32_MAX, &number) < 0 || number == 0))
		return err_usage(e, "'%s' is no number of a change", which);
	in->number = which ? (unsigned)number : 0;
	return 0;
}

static int execute(const struct invocation *in, struct err *e)
{
	struct host host = { 0 };
	int answer = root_dir_open(in->root ? in->root : "/", !in->root, &host.root, e);

	if (answer < 0)
		return answer;
	answer = in->undo ? undo(&host, in, e) : list(&host, e);
	root_close(host.root);
	arena_free(&host.arena);
	return answer;
}

int main(int argc, char **argv)
{
	CLEANUP_ARENA struct arena a = { 0 };
	struct invocation in = { 0 };
	struct err e = { 0 };

	int answer = parse(&in, argc, argv, &e);
	if (answer == 0 && !in.shown)
		answer = execute(&in, &e);
	if (answer >= 0)
		return answer;
	fprintf(stderr, "passthru-rescue: %s\n", doc_plain(&a, e.text));
	return e.kind == ERR_USAGE     ? EXIT_USAGE
	       : e.kind == ERR_REFUSED ? EXIT_REFUSED
				       : EXIT_FAILED;
}
