/* etag: entity tags of verifications (RFC 9110 section 8.8.3): what a caller has seen, so that it can ask for what is
 * news. Pure. Thread: any. */
#ifndef VERIFYD_ETAG_H
#define VERIFYD_ETAG_H

#include "common/domain/verification.h"

enum { ETAG_BYTES = 72 };

/* Another tag whenever what is shown of a state may be another: revision, failed calls and time of its last change. With
 * its quotation marks. */
void etag_of(const struct verification *state, char ret_tag[ETAG_BYTES]);

/* Whether an If-None-Match header's value names the tag, by weak comparison; "*" names every one. What cannot be read
 * names nothing. */
bool etag_is_listed(const char *list, const char *tag);

#endif
