-- A script for wrk: one request again and again, or one for each id of a file, from an offset on.
-- arguments: method path headers-file body-file ids-file offset once|again most bodies-file; "-" = none. "@" in the path stands for
-- the id; a line of the bodies-file for each id is its own body.
-- Prints: requests seconds errors p50 p99 bytes used.
local list = {}

function setup(thread)
  list[#list + 1] = thread
end

local function slurp(path)
  if path == "-" then return nil end
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

function init(args)
  local method, path = args[1], args[2]
  local headers = {}
  for name, value in (slurp(args[3]) or ""):gmatch("([^:\n]+): ([^\n]+)") do headers[name] = value end
  local body = slurp(args[4])
  local ids = {}
  for id in (slurp(args[5]) or ""):gmatch("%d+") do ids[#ids + 1] = id end
  at = tonumber(args[6] or 0)
  over = 0
  if #ids == 0 then
    local whole = wrk.format(method, path, headers, body)
    request = function() return whole end
    return
  end
  local before, after = path:match("^(.-)@(.*)$")
  local once = args[7] == "once"
  -- made beforehand: formatting would cost the core that the programs need
  local ready = {}
  local last = math.min(#ids, at + tonumber(args[8] or #ids))
  local own = slurp(args[9] or "-")
  local lines = own and own:gmatch("[^\n]+")
  for i = at + 1, last do ready[#ready + 1] = wrk.format(method, before .. ids[i] .. after, headers, lines and lines() or body) end
  local next = 0
  request = function()
    next = next + 1
    at = at + 1
    if next > #ready then
      if once then over = 1; wrk.thread:stop() end
      next = 1
    end
    return ready[next]
  end
end

function done(summary, latency, requests)
  local used, over = 0, 0
  for _, thread in ipairs(list) do
    used = math.max(used, thread:get("at") or 0)
    over = math.max(over, thread:get("over") or 0)
  end
  local errors = summary.errors
  io.write(string.format("RESULT %d %.3f %d %.3f %.3f %d %d %d\n", summary.requests, summary.duration / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, summary.bytes, used, over))
end
