/* redis_scripts: what must happen in Redis as one step, in Lua. */
#include "common/adapters/redis_scripts.h"
#include <assert.h>

/* One state by compare-and-set: of the two scripts that write any. */
#define PUT                                                                                                            \
	"}\n"                                                                                                          \
	"local function put(key,new,first,second,value,ttl,channel)\n"                                                 \
	"  local cur=redis.call('GET',key)\n"                                                                          \
	"  if cur then\n"                                                                                              \
	"    local state,rev=string.match(cur,'\"state\":\"([%w_]+)\",\"rev\":(%d+),')\n"                              \
	"    local tries=string.match(cur,'\"attempts\":(%d+)')\n"                                                     \
	"    if not (rev and tries) then\n" /* another version's order of members */                                   \
	"      local ok,v=pcall(cjson.decode,cur)\n"                                                                   \
	"      if ok and type(v)=='table' then state,rev,tries=v.state,v.rev,v.attempts else state,rev=nil,-1 end\n"   \
	"    end\n"                                                                                                    \
	"    local rank=ranks[state] or 0\n"                                                                           \
	"    rev,tries=tonumber(rev) or 0,tonumber(tries) or 0\n"                                                      \
	"    local as_new=rev>first or (rev==first and tries>=second)\n"                                               \
	"    if rank>new or (rank==new and (rank>0 or as_new)) then return 0 end\n"                                    \
	"  end\n"                                                                                                      \
	"  redis.call('SET',key,value,'PX',ttl)\n"                                                                     \
	"  if channel~='' then redis.call('PUBLISH',channel,value) end\n"                                              \
	"  return 1\n"                                                                                                 \
	"end\n"

/* The rank of each state, from the one table that the C code reads too. */
#define STATE(symbol, name, rank, is_final) name "=" #rank ","
static const char put_script[] =
        "local ranks={"
#include "common/domain/states.def"
        PUT "local written=put(KEYS[1],tonumber(ARGV[1]),tonumber(ARGV[2]),tonumber(ARGV[7]),ARGV[3],ARGV[4],ARGV[5])\n"
        "if ARGV[6]~='' and string.sub(redis.call('GET',KEYS[2]) or '',1,16)==ARGV[6] then redis.call('DEL',KEYS[2]) "
        "end\n"
        "return written\n";

/* Keys of several ids: for one primary. */
static const char fill_script[] =
        "local ranks={"
#include "common/domain/states.def"
        PUT "local written=0\n"
        "for i=0,#KEYS/3-1 do\n"
        "  local state,subject,ref,at=KEYS[3*i+1],KEYS[3*i+2],KEYS[3*i+3],8*i+1\n"
        "  local id=ARGV[at+7]\n"
        "  written=written+put(state,tonumber(ARGV[at+1]),tonumber(ARGV[at+2]),tonumber(ARGV[at+3]),ARGV[at+4],"
        "ARGV[at+5],ARGV[at+6])\n"
        "  if subject~=state then\n"
        "    redis.call('HSETNX',subject,id,ARGV[at+8])\n"
        "    redis.call('PEXPIRE',subject,ARGV[1])\n"
        "  end\n"
        "  if ref~=state then redis.call('SET',ref,id,'PX',ARGV[1]) end\n"
        "end\n"
        "return written\n";
#undef STATE

static const char get_script[] = "local state=redis.call('GET',KEYS[1])\n"
                                 "if not state and redis.call('EXISTS',KEYS[2])==0 then return 1 end\n"
                                 "return state\n";

/* The replies of this one and those of subject and browser are numbers of enums; redis_store's sources assert them. */
static const char lease_script[] =
        "local held=redis.call('GET',KEYS[1])\n"
        "local state=redis.call('GET',KEYS[2])\n"
        "if held and string.sub(held,1,16)~=ARGV[1] then\n"
        "  if #held>16 then return {3,held} end\n"
        "  return {0,state}\n"
        "end\n"
        "if ARGV[3]=='whole' and redis.call('EXISTS',KEYS[3])==0 then return {2,state} end\n"
        "redis.call('SET',KEYS[1],ARGV[1],'PX',ARGV[2])\n"
        "if ARGV[3]=='any' and state and string.find(state,'\"state\":\"queued\",\"rev\":1,',1,true)\n"
        "    and string.find(state,'\"attempts\":0,',1,true) then state=false end\n"
        "return {1,state}\n";

static const char keep_script[] = "if redis.call('GET',KEYS[1])~=ARGV[1] then return 0 end\n"
                                  "redis.call('SET',KEYS[1],ARGV[1]..' '..ARGV[2],'PX',ARGV[3])\n"
                                  "return 1\n";

/* Deletes a key only while it holds what we put there. */
static const char delete_if_script[] =
        "if redis.call('GET',KEYS[1])==ARGV[1] then return redis.call('DEL',KEYS[1]) end\n"
        "return 0\n";

/* Days are UTC's. An id that is added counts from its own time, but is later than every other one, whatever the clocks
 * of those who made them say. */
static const char subject_script[] =
        "if redis.call('EXISTS',KEYS[2])==0 then return {3,false} end\n"
        "local id,created,over=ARGV[1],tonumber(ARGV[2]),ARGV[3]\n"
        "local day=math.floor(created/86400000)\n"
        "local newest,at,today,there=false,-1,0,false\n"
        "local all=redis.call('HGETALL',KEYS[1])\n"
        "for i=1,#all,2 do\n"
        "  local ms=tonumber(all[i+1]) or 0\n"
        "  if ms>at or (ms==at and all[i]>newest) then newest,at=all[i],ms end\n"
        "  if math.floor(ms/86400000)==day then today=today+1 end\n"
        "  if all[i]==id then there=true end\n"
        "end\n"
        "for i=1,#all,2 do\n"
        "  if all[i]~=newest and all[i]~=id and (tonumber(all[i+1]) or 0)<created-ARGV[5] then\n"
        "    redis.call('HDEL',KEYS[1],all[i])\n"
        "  end\n"
        "end\n"
        "local reply={0,id}\n"
        "if not there then\n"
        "  if newest and newest~=over then reply={1,newest}\n"
        "  elseif today>=tonumber(ARGV[4]) then reply={2,newest}\n"
        "  else redis.call('HSET',KEYS[1],id,string.format('%.0f',math.max(created,at+1))) end\n"
        "end\n"
        "redis.call('PEXPIRE',KEYS[1],ARGV[6])\n"
        "return reply\n";

static const char browser_script[] = "local ticket=tonumber(ARGV[2])\n"
                                     "local ms,hash=string.match(redis.call('GET',KEYS[1]) or '','^(%d+) (.+)$')\n"
                                     "local other=ms and hash~=ARGV[1]\n"
                                     "if ticket==0 then return other and 1 or ms and 0 or 2 end\n"
                                     "if other and ticket<=tonumber(ms) then return 1 end\n"
                                     "if ms and tonumber(ms)>ticket then ticket=tonumber(ms) end\n"
                                     "redis.call('SET',KEYS[1],string.format('%.0f ',ticket)..ARGV[1],'PX',ARGV[3])\n"
                                     "return 0\n";

static const char rebuild_script[] = "local held=redis.call('GET',KEYS[1])\n"
                                     "local ours=held and string.sub(held,1,16)==ARGV[1]\n"
                                     "if ARGV[4]=='prolong' and held~=ARGV[2] then\n"
                                     "  if ours then redis.call('DEL',KEYS[1]) end\n"
                                     "  return {0,''}\n"
                                     "end\n"
                                     "if held and not ours then return {0,''} end\n"
                                     "redis.call('SET',KEYS[1],ARGV[2],'PX',ARGV[3])\n"
                                     "return {1,redis.call('GET',KEYS[2]) or ''}\n";

static const char epoch_script[] = "if redis.call('GET',KEYS[1])~=ARGV[1] then return {0,''} end\n"
                                   "local missed=redis.call('GET',KEYS[3]) or ''\n"
                                   "if missed~=ARGV[3] then return {2,missed} end\n"
                                   "redis.call('SET',KEYS[2],ARGV[2])\n"
                                   "redis.call('DEL',KEYS[1])\n"
                                   "return {1,''}\n";

static const char key_script[] = "if redis.call('EXISTS',KEYS[2])==0 then return 1 end\n"
                                 "redis.call('SET',KEYS[1],ARGV[1],'NX','PX',ARGV[2])\n"
                                 "return redis.call('GET',KEYS[1])\n";

const char *redis_script(enum redis_script script)
{
	static const char *const scripts[SCRIPT_COUNT] = {
	        [SCRIPT_PUT] = put_script,
	        [SCRIPT_FILL] = fill_script,
	        [SCRIPT_GET] = get_script,
	        [SCRIPT_LEASE] = lease_script,
	        [SCRIPT_KEEP] = keep_script,
	        [SCRIPT_SUBJECT] = subject_script,
	        [SCRIPT_DELETE_IF] = delete_if_script,
	        [SCRIPT_BROWSER] = browser_script,
	        [SCRIPT_REBUILD] = rebuild_script,
	        [SCRIPT_EPOCH] = epoch_script,
	        [SCRIPT_KEY] = key_script,
	};
	assert(script < SCRIPT_COUNT);
	return scripts[script];
}
