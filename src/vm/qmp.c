// SPDX-License-Identifier: MIT
// A client of QEMU's monitor: as much of QMP as running a guest takes. It never blocks, since the
// caller also has a console and signals to look after: what has arrived is taken, complete messages
// are acted on, commands are sent whole or not at all. QEMU has been talking to a guest that may
// be hostile, so what it sends is bounded and checked.
//
// Follows docs/interop/qmp-spec.txt: JSON objects, each ended by CRLF, in both directions; a
// greeting, qmp_capabilities, then replies that carry the id of their command, and events.

#include "base/text.h"
#include "vm/internal.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

int qmp_open(struct qmp *q, int fd, struct err *e)
{
	*q = (struct qmp){ .fd = fd };
	q->buffer = malloc(QMP_MESSAGE_MAX);
	if (!q->buffer)
		return err_io(e, -ENOMEM, "connecting to the monitor of QEMU");
	return 0;
}

void qmp_close(struct qmp *q)
{
	free(q->buffer);
	q->buffer = NULL;
	q->state = QMP_CLOSED;
}

bool qmp_execute(struct qmp *q, const char *command)
{
	char text[128];

	if (q->state == QMP_GREETING || q->state == QMP_CLOSED)
		return false;
	int n = snprintf(text, sizeof(text), "{\"execute\": \"%s\", \"id\": \"%s\"}\r\n", command,
			 command);
	return send(q->fd, text, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) == n;
}

static void on_status(struct qmp *q, const json_t *data)
{
	const char *status = json_string_value(json_object_get(data, "status"));

	if (!status || json_is_true(json_object_get(data, "running")))
		return;
	/* it ends up in a sentence */
	size_t n = strspn(status, "abcdefghijklmnopqrstuvwxyz-");
	snprintf(q->run_state, sizeof(q->run_state), "%.*s", (int)n, status);
}

static void on_event(struct qmp *q, const char *event)
{
	if (str_eq(event, "SHUTDOWN"))
		q->shutting_down = true;
	/* nobody here stops a guest: QEMU did, for a reason that this event does not carry */
	else if (str_eq(event, "STOP"))
		qmp_execute(q, "query-status");
}

/* False when @message has no place in the protocol. */
static bool on_message(struct qmp *q, const json_t *message)
{
	const char *event = json_string_value(json_object_get(message, "event"));
	const json_t *data = json_object_get(message, "return");
	const json_t *error = json_object_get(message, "error");
	const char *id = json_string_value(json_object_get(message, "id"));

	if (q->state == QMP_GREETING) {
		if (!json_is_object(json_object_get(message, "QMP")))
			return false;
		q->state = QMP_NEGOTIATING;
		/* fails when it has died since: then the end of the connection comes next */
		(void)qmp_execute(q, "qmp_capabilities");
		return true;
	}
	if (event) {
		on_event(q, event);
		return true;
	}
	if (q->state == QMP_NEGOTIATING) {
		q->state = QMP_READY;
		return data != NULL;
	}
	if (data && id && str_eq(id, "query-status"))
		on_status(q, data);
	return data || error;
}

static bool on_line(struct qmp *q, const char *line, size_t n)
{
	if (n == 0 || (n == 1 && line[0] == '\r'))
		return true;
	json_t *message = json_loadb(line, n, 0, NULL);
	bool fits = message && on_message(q, message);
	json_decref(message);
	return fits;
}

/* Acts on the complete messages in the buffer and keeps the rest. */
static bool on_lines(struct qmp *q)
{
	size_t at = 0;

	for (;;) {
		const char *line = q->buffer + at;
		const char *end = memchr(line, '\n', q->n - at);
		if (!end)
			break;
		if (!on_line(q, line, (size_t)(end - line)))
			return false;
		at += (size_t)(end - line) + 1;
	}
	memmove(q->buffer, q->buffer + at, q->n - at);
	q->n -= at;
	return q->n < QMP_MESSAGE_MAX;
}

int qmp_receive(struct qmp *q, struct err *e)
{
	ssize_t n;

	if (q->state == QMP_CLOSED)
		return 0;
	do
		n = recv(q->fd, q->buffer + q->n, QMP_MESSAGE_MAX - q->n, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return 0;
	/* a program that dies resets the connection when it had not read everything */
	if (n <= 0) {
		q->state = QMP_CLOSED;
		return 0;
	}
	q->n += (size_t)n;
	if (!on_lines(q)) {
		q->state = QMP_CLOSED;
		return err_fail(e, -EPROTO, "the monitor of QEMU sent what is not QMP");
	}
	return (int)n;
}
