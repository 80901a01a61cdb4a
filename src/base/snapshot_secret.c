// SPDX-License-Identifier: MIT
// What no record holds: passwords, and hashes of them. Menus of boot loaders have them (password
// and password_pbkdf2 of GRUB, docs/grub.texi "Authentication and authorisation"; MENU PASSWD of
// syslinux, doc/menu.txt), and so have kernel command lines (rd.iscsi.password= and netroot= of
// dracut.cmdline(7), systemd.set_credential= of systemd(1)) and fstab (password= of mount.cifs(8),
// secret= of mount.ceph(8)). Each character becomes an x: blocks of fixed size and offsets, as of
// a grubenv or an executable with a command line in it, stay what they are.

#include "base/snapshot_store.h"
#include "base/text.h"

#include <ctype.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_quote(char c)
{
	return c == '"' || c == '\'';
}

static void cover(char *at, const char *end)
{
	for (; at < end; at++)
		*at = 'x';
}

static char *skip_blanks(char *at, const char *end)
{
	while (at < end && is_blank(*at))
		at++;
	return at;
}

static char *skip_word(char *at, const char *end)
{
	while (at < end && *at && !isspace((unsigned char)*at))
		at++;
	return at;
}

/* Whether @word, of small letters, stands at @at in any case of letters. */
static bool stands(const char *at, const char *end, const char *word)
{
	size_t n = strlen(word);

	return (size_t)(end - at) >= n && tolower((unsigned char)*at) == *word &&
	       strncasecmp(at, word, n) == 0;
}

static bool is_word(const char *at, const char *end, const char *word)
{
	const char *behind = at + strlen(word);

	return stands(at, end, word) && (behind == end || isspace((unsigned char)*behind));
}

/* ---- name=value ---- */

/* Up to its quote, or the next blank. */
static void cover_value(char *at, const char *end)
{
	char quote = at < end && is_quote(*at) ? *at++ : '\0', *to = at;

	while (to < end && *to &&
	       (quote ? *to != quote : !is_quote(*to) && !isspace((unsigned char)*to)))
		to++;
	cover(at, to);
}

static void cover_values(char *line, const char *end)
{
	static const struct {
		const char *text;
		bool whole; /* no letter or digit before it: not bypass= */
	} names[] = {
		{ "password=", false },
		{ "passwd=", false },
		{ "passphrase=", false },
		{ "set_credential=", false },
		{ "set_credential_binary=", false },
		{ "grub.pbkdf2.", false },
		{ "pass=", true },
		{ "secret=", true },
	};

	for (char *at = line; at < end; at++) {
		for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
			if (stands(at, end, names[i].text) &&
			    (!names[i].whole || at == line || !isalnum((unsigned char)at[-1])))
				cover_value(at + strlen(names[i].text), end);
		}
	}
}

/* What stands before the @ of "iscsi:user:password@host" and "https://user:password@host/". */
static void cover_users(char *line, const char *end)
{
	for (char *at = line; at < end; at++) {
		bool is_url = stands(at, end, "://");

		if (!is_url && !stands(at, end, "iscsi:"))
			continue;
		char *from = at + strlen(is_url ? "://" : "iscsi:"), *to = from;
		char *word_end = skip_word(from, end);
		while (to < word_end && *to != '@' && !(is_url && *to == '/'))
			to++;
		if (to < word_end && *to == '@')
			cover(from, to);
	}
}

/* ---- commands of menus ---- */

/* Not a word within a title or a comment. */
static bool is_command(const char *line, const char *at)
{
	static const char *const words[] = { "then", "do", "else", "echo" };

	while (at > line && is_blank(at[-1]))
		at--;
	if (at == line || memchr(";{&|(\"'`", at[-1], 8))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		size_t n = strlen(words[i]);

		if ((size_t)(at - line) >= n && memcmp(at - n, words[i], n) == 0)
			return true;
	}
	return false;
}

/* "password USER SECRET", "password_pbkdf2 USER HASH": behind the user, who is not secret. */
static void cover_password(char *line, char *at, const char *end)
{
	static const char *const words[] = { "password_pbkdf2", "password" };
	const char *to = end;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (!is_word(at, end, words[i]) || !is_command(line, at))
			continue;
		if (at > line && is_quote(at[-1])) {
			to = memchr(at, at[-1], (size_t)(end - at));
			to = to ? to : end;
		}
		char *user = skip_blanks(at + strlen(words[i]), to);
		char *secret = skip_blanks(skip_word(user, to), to);
		cover(secret < to ? secret : user, to);
		return;
	}
}

/* "MENU PASSWD HASH", "MENU MASTER PASSWD HASH" */
static void cover_menu(char *line, const char *end)
{
	char *at = skip_blanks(line, end);

	if (!is_word(at, end, "menu"))
		return;
	at = skip_blanks(skip_word(at, end), end);
	if (is_word(at, end, "master"))
		at = skip_blanks(skip_word(at, end), end);
	if (is_word(at, end, "passwd"))
		cover(skip_blanks(skip_word(at, end), end), end);
}

/* "cryptomount -p PASSWORD", "cryptomount --password PASSWORD" */
static void cover_option(char *line, char *at, const char *end)
{
	static const char *const words[] = { "-p", "--password" };

	if (at == line || !is_blank(at[-1]) ||
	    !memmem(line, (size_t)(at - line), "cryptomount", strlen("cryptomount")))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (is_word(at, end, words[i]))
			cover_value(skip_blanks(at + strlen(words[i]), end), end);
	}
}

static void cover_commands(char *line, const char *end)
{
	cover_menu(line, end);
	for (char *at = line; at < end; at++) {
		cover_password(line, at, end);
		cover_option(line, at, end);
	}
}

void snapshot_cover_secrets(char *data, size_t n)
{
	const char *all_end = data + n;

	for (char *line = data; line < all_end;) {
		char *end = memchr(line, '\n', (size_t)(all_end - line));

		end = end ? end : data + n;
		cover_commands(line, end);
		cover_values(line, end);
		cover_users(line, end);
		line = end + 1;
	}
}
