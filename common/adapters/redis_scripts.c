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

/* One class's quota and breaker. What arrives late at its vendor counts from a step's end, so the log errs towards too
 * many. A clock that went back makes all that is known count from now. */
static const char gate_script[] =
        "local time=redis.call('TIME')\n"
        "local now=time[1]*1000+math.floor(time[2]/1000)\n"
        "local limit,span,used_by_me=tonumber(ARGV[2]),tonumber(ARGV[3]),tonumber(ARGV[8])\n"
        "local hash,wants,all={},{},redis.call('HGETALL',KEYS[2])\n"
        "for i=1,#all,2 do hash[all[i]]=all[i+1] end\n"
        "for p=1,4 do wants[p]=tonumber(ARGV[3+p]) end\n"
        "local function text(n) return string.format('%.0f',n) end\n"
        "local function set(field,value) redis.call('HSET',KEYS[2],field,value) end\n"
        /* the window: entries "<end of its step> <permits> <permits ever>" */
        "local step=math.max(1,math.floor(span/500))\n"
        "local born,given=tonumber(hash.born),tonumber(hash.given) or 0\n"
        "local function entry(i)\n"
        "  local found=redis.call('LINDEX',KEYS[1],i)\n"
        "  if not found then return end\n"
        "  local t,n,sum=string.match(found,'^(%d+) (%d+) (%d+)$')\n"
        "  return tonumber(t),tonumber(n),tonumber(sum)\n"
        "end\n"
        "local function used()\n"
        "  local t,n,sum=entry(0)\n"
        "  if not t then return 0 end\n"
        "  local _,_,last=entry(-1)\n"
        "  return last-sum+n\n"
        "end\n"
        "local function add(n)\n"
        "  if n<=0 or limit==0 then return end\n"
        "  local at=(math.floor(now/step)+1)*step\n"
        "  local t,n0=entry(-1)\n"
        "  given=given+n\n"
        "  if t==at then redis.call('LSET',KEYS[1],-1,text(at)..' '..text(n0+n)..' '..text(given))\n"
        "  else redis.call('RPUSH',KEYS[1],text(at)..' '..text(n)..' '..text(given)) end\n"
        "end\n"
        "if not born then redis.call('DEL',KEYS[1]) end\n"
        "local lost=born and ARGV[10]==hash.born and tonumber(ARGV[11])>given\n"
        "if not born or lost or born>now then born=now set('born',text(born)) end\n"
        "local newest=entry(-1)\n"
        "if newest and newest>now+step then\n"
        "  local n=used()\n"
        "  redis.call('DEL',KEYS[1])\n"
        "  add(n)\n"
        "end\n"
        "while true do\n"
        "  local t=entry(0)\n"
        "  if not t or t+span>now then break end\n"
        "  redis.call('LPOP',KEYS[1])\n"
        "end\n"
        "if ARGV[10]==text(born) then add(tonumber(ARGV[9])) else add(used_by_me) end\n"
        /* Retry-After */
        "local closed=tonumber(hash.closed) or 0\n"
        "if closed>now+3700000 then closed=0 end\n"
        "if tonumber(ARGV[16])>0 then\n"
        "  closed=math.max(closed,now+tonumber(ARGV[16]))\n"
        "  set('closed',text(closed))\n"
        "end\n"
        /* the breaker */
        "local op,probe_ms,probe=ARGV[19],tonumber(ARGV[17]),0\n"
        "local since,next_probe,reason=string.match(redis.call('HGET',KEYS[3],op) or '','^open (%d+) (%d+) (.*)$')\n"
        "local function write_open()\n"
        "  redis.call('HSET',KEYS[3],op,'open '..text(since)..' '..text(next_probe)..' '..reason)\n"
        "  redis.call('PEXPIRE',KEYS[3],text(math.max(600000,10*probe_ms)))\n"
        "end\n"
        "local function forget_counts()\n"
        "  for field in pairs(hash) do if string.sub(field,1,2)=='s:' then redis.call('HDEL',KEYS[2],field) end end\n"
        "  redis.call('HDEL',KEYS[2],'row')\n"
        "end\n"
        "if since then since,next_probe=tonumber(since),tonumber(next_probe) end\n"
        "if since and next_probe>now+2*probe_ms+1000 then next_probe=now end\n"
        "if since and ARGV[15]=='worked' then\n"
        "  redis.call('HDEL',KEYS[3],op)\n"
        "  forget_counts()\n"
        "  since=nil\n"
        "elseif not since and tonumber(ARGV[12])+tonumber(ARGV[13])>0 then\n"
        "  local good,bad,second=tonumber(ARGV[12]),tonumber(ARGV[13]),math.floor(now/1000)\n"
        "  local row=good>0 and 0 or (tonumber(hash.row) or 0)+bad\n"
        "  local field='s:'..text(second)\n"
        "  local g,b=string.match(hash[field] or '0 0','^(%d+) (%d+)$')\n"
        "  hash[field]=text(g+good)..' '..text(b+bad)\n"
        "  set(field,hash[field])\n"
        "  set('row',text(row))\n"
        "  good,bad=0,0\n"
        "  for name,value in pairs(hash) do\n"
        "    local at=string.match(name,'^s:(%d+)$')\n"
        "    if at and tonumber(at)>second-10 and tonumber(at)<=second then\n"
        "      g,b=string.match(value,'^(%d+) (%d+)$')\n"
        "      good,bad=good+g,bad+b\n"
        "    elseif at then redis.call('HDEL',KEYS[2],name) end\n"
        "  end\n"
        "  local most=tonumber(ARGV[18])\n"
        "  if ARGV[14]=='barred' or (bad>=most and bad>=good) or row>=most then\n"
        "    since,next_probe,reason=now,now+probe_ms,ARGV[20]\n"
        "    write_open()\n"
        "    forget_counts()\n"
        "  end\n"
        "end\n"
        /* what others want */
        "local others,members,turn={},1,tonumber(ARGV[23])\n"
        "for p=1,4 do others[p]={wants=0,used=0,first=0,after=0} end\n"
        "local function numbers(list)\n"
        "  local n={}\n"
        "  for number in string.gmatch(list or '','%d+') do n[#n+1]=tonumber(number) end\n"
        "  return n\n"
        "end\n"
        "local came=numbers(ARGV[24])\n"
        "for name,value in pairs(hash) do\n"
        "  local who=string.match(name,'^m:(.+)$')\n"
        "  if who and who~=ARGV[1] then\n"
        "    local n=numbers(value)\n"
        "    local age=now-(n[1] or 0)\n"
        "    if age>10000 or age<-1000 or #n~=6 then redis.call('HDEL',KEYS[2],name,'t:'..who)\n"
        "    elseif age<3000 then\n"
        "      members=members+1\n"
        "      local since=numbers(hash['t:'..who])\n"
        "      for p=1,4 do\n"
        "        if age<tonumber(ARGV[21]) and n[2+p]>0 then\n"
        "          local mine,theirs=came[p] or 0,since[p] or 0\n"
        "          local other=others[p]\n"
        "          if mine>0 and theirs>0 and theirs<mine-turn then other.first=other.first+n[2+p]\n"
        "          elseif mine>0 and theirs>mine+turn then other.after=other.after+n[2+p]\n"
        "          else other.wants,other.used=other.wants+n[2+p],other.used+n[2] end\n"
        "        end\n"
        "      end\n"
        "    end\n"
        "  end\n"
        "end\n"
        /* permits */
        "local grants,free,wanted={0,0,0,0},math.max(0,limit-used()),0\n"
        "local fresh=limit==0 or now>=born+tonumber(ARGV[22])\n"
        "for p=1,4 do wanted=wanted+wants[p] end\n"
        "if closed>now or not fresh then free=0 end\n"
        "if since and now>=next_probe and wanted>0 and closed<=now and fresh and (limit==0 or free>0) then\n"
        "  probe,next_probe=1,now+probe_ms\n"
        "  write_open()\n"
        "  for p=1,4 do if wants[p]>0 then grants[p]=1 break end end\n"
        "elseif not since and limit>0 then\n"
        "  local mine=used_by_me\n"
        "  for p=1,4 do\n"
        "    local rest=others[p]\n"
        "    free=free-rest.first\n"
        "    if wants[p]>0 and free>0 then\n"
        "      local part=(wants[p]+mine)/(wants[p]+mine+rest.wants+rest.used)\n"
        "      local share=math.ceil((free+mine+rest.used)*part-mine-0.000001)\n"
        "      grants[p]=math.max(0,math.min(share,wants[p],free))\n"
        "    end\n"
        "    mine=mine+grants[p]\n"
        "    free=math.max(0,free-grants[p]-rest.wants-rest.after)\n"
        "    if grants[p]<wants[p] then free=0 end\n"
        "  end\n"
        "end\n"
        "local granted=grants[1]+grants[2]+grants[3]+grants[4]\n"
        "add(granted)\n"
        "local record=text(now)..' '..text(used_by_me+granted)\n"
        "for p=1,4 do record=record..' '..text(wants[p]-grants[p]) end\n"
        "set('m:'..ARGV[1],record)\n"
        "set('t:'..ARGV[1],ARGV[24])\n"
        "set('given',text(given))\n"
        "redis.call('PEXPIRE',KEYS[2],'86400000')\n"
        "redis.call('PEXPIRE',KEYS[1],'86400000')\n"
        "local again,sum=1000,used()\n"
        "if since then again=next_probe-now\n"
        "elseif closed>now then again=closed-now\n"
        "elseif not fresh then again=born+tonumber(ARGV[22])-now\n"
        "elseif limit>0 and wanted>granted then again=sum>=limit and entry(0)+span-now or 10 end\n"
        "return "
        "{grants[1],grants[2],grants[3],grants[4],probe,math.max(1,again),math.max(0,closed-now),sum,members,born,"
        "given,since and reason or false}\n";

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
	        [SCRIPT_GATE] = gate_script,
	};
	assert(script < SCRIPT_COUNT);
	return scripts[script];
}
