/* ask: its end. */
#include "ingress/ask.h"

void ask_fini(struct ask *ask)
{
	request_fini(&ask->request);
	person_fini(&ask->person);
}
