/* sim_knob: how a test tells a stand-in to misbehave: by markers inside a session id, or by defaults for all sessions.
 *
 * One table per vendor names both. A marker is '~' and a name of the table, or '~name=value'; what follows it up to the
 * next '~' is ignored when it starts with a character that cannot belong to it, so `~delay=2000-17` is a delay. */
#ifndef SIM_KNOB_H
#define SIM_KNOB_H

#include "common/base/err.h"
#include "common/base/json_in.h"
#include "common/base/json_out.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sim_knob_kind {
	SIM_KNOB_FLAG, /* ~name; JSON true or false */
	SIM_KNOB_INT,  /* ~name=-12; JSON integer */
	SIM_KNOB_WORD  /* ~name=WORD (letters, digits, '_'); JSON string of these */
};

struct sim_knob {
	const char *marker; /* NULL: not by session */
	const char *member; /* of POST /control/<vendor> */
	enum sim_knob_kind kind;
	int64_t min, max; /* of a SIM_KNOB_INT */
};

enum { SIM_KNOBS_MAX = 32, SIM_WORD_BYTES = 32 };

struct sim_setting {
	bool set;
	int64_t num;
	char word[SIM_WORD_BYTES];
};

/* Lays the markers in text over settings[0..count). A '~' that no letter follows is no marker.
 * Returns: ERR_OK; ERR_INVALID (unknown marker, or a value that is missing or out of range: a typing mistake in a test
 * must not pass as success). settings untouched on failure. */
enum err_code sim_knobs_read_markers(const struct sim_knob *knobs, size_t count, const char *text,
                                     struct sim_setting *settings, struct err *err) WARN_UNUSED;

/* Lays the members of object over settings[0..count); null or false takes one back.
 * Returns: ERR_OK; ERR_INVALID (unknown member, wrong type or range). settings untouched on failure. */
enum err_code sim_knobs_read_json(const struct sim_knob *knobs, size_t count, const struct json_in *object,
                                  struct sim_setting *settings, struct err *err) WARN_UNUSED;

/* Writes those that are set as members of the open object. */
void sim_knobs_write(const struct sim_knob *knobs, size_t count, const struct sim_setting *settings,
                     struct json_out *out);

#endif
