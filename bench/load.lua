-- Requests come ready-made from the file that is named first after `--`, parted by zero bytes; they are sent in turn.
-- The summary is one line of JSON.
local ready, at = {}, 0

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  for one in file:read("*a"):gmatch("[^%z]+") do ready[#ready + 1] = one end
  file:close()
end

function request()
  at = at % #ready + 1
  return ready[at]
end

function done(summary, latency)
  local errors = summary.errors
  local line = '\n{"requests":%d,"microseconds":%d,"refused":%d,"broken":%d,"p50":%d,"p99":%d}\n'
  local broken = errors.connect + errors.read + errors.write + errors.timeout
  io.write(line:format(summary.requests, summary.duration, errors.status, broken, latency:percentile(50), latency:percentile(99)))
end
