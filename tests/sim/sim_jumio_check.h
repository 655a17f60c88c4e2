/* sim_jumio_check: what Jumio's guide demands of a call (contracts 1.2), taken at its word. Pure. */
#ifndef SIM_JUMIO_CHECK_H
#define SIM_JUMIO_CHECK_H

#include "tests/sim/sim.h"
#include "tests/sim/sim_jumio_ledger.h"

#define JUMIO_USERNAME "sim-token"
#define JUMIO_PASSWORD "sim-secret"

/* Checks User-Agent, Authorization, Accept, and Content-Type if there is a body to come.
 * Returns: 200, or the status of the refusal, whose text is in err. */
unsigned jumio_check_headers(const struct sim_request *request, bool wants_body, struct err *err);

/* Reads the body of an initiate. Returns: ERR_OK; ERR_INVALID, and *ret_order is of no use. err names the member. */
enum err_code jumio_read_order(const struct sim_request *request, struct jumio_order *ret_order,
                               struct err *err) WARN_UNUSED;

/* Reads userReference and customerInternalReference as far as they can be read, "" otherwise. cap: of each. */
void jumio_read_names(const struct sim_request *request, char *user, char *customer_reference, size_t cap);

#endif
