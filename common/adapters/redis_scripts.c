/* redis_scripts: what must happen in Redis as one step, in Lua. */
#include "common/adapters/redis_scripts.h"
#include <assert.h>

/* The rank of each state, from the one table that the C code reads too. */
#define STATE(symbol, name, rank, is_final) name "=" #rank ","
static const char put_script[] =
        "local ranks={"
#include "common/domain/states.def"
        "}\n"
        "local cur=redis.call('GET',KEYS[1])\n"
        "local written=1\n"
        "if cur then\n"
        "  local ok,v=pcall(cjson.decode,cur)\n"
        "  local rank=ok and ranks[v.state] or 0\n"
        "  local new=tonumber(ARGV[1])\n"
        "  if ok and (rank>new or (rank==new and (rank>0 or v.rev>=tonumber(ARGV[2])))) then written=0 end\n"
        "end\n"
        "if written==1 then\n"
        "  redis.call('SET',KEYS[1],ARGV[3],'PX',ARGV[4])\n"
        "  redis.call('PUBLISH',ARGV[5],ARGV[3])\n"
        "end\n"
        "if ARGV[6]~='' and string.sub(redis.call('GET',KEYS[2]) or '',1,16)==ARGV[6] then redis.call('DEL',KEYS[2]) "
        "end\n"
        "return written\n";
#undef STATE

static const char lease_script[] = "local held=redis.call('GET',KEYS[1])\n"
                                   "local state=redis.call('GET',KEYS[2]) or false\n"
                                   "if held and string.sub(held,1,16)~=ARGV[1] then\n"
                                   "  if #held>16 then return {2,held} end\n"
                                   "  return {0,state}\n"
                                   "end\n"
                                   "redis.call('SET',KEYS[1],ARGV[1],'PX',ARGV[2])\n"
                                   "return {1,state}\n";

static const char keep_script[] = "if redis.call('GET',KEYS[1])~=ARGV[1] then return 0 end\n"
                                  "redis.call('SET',KEYS[1],ARGV[1]..' '..ARGV[2],'PX',ARGV[3])\n"
                                  "return 1\n";

/* Deletes a key only while it holds what we put there. */
static const char delete_if_script[] =
        "if redis.call('GET',KEYS[1])==ARGV[1] then return redis.call('DEL',KEYS[1]) end\n"
        "return 0\n";

const char *redis_script(enum redis_script script)
{
	static const char *const scripts[SCRIPT_COUNT] = {
	        [SCRIPT_PUT] = put_script,
	        [SCRIPT_LEASE] = lease_script,
	        [SCRIPT_KEEP] = keep_script,
	        [SCRIPT_DELETE_IF] = delete_if_script,
	};
	assert(script < SCRIPT_COUNT);
	return scripts[script];
}
