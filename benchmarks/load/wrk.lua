-- Each thread sends the requests of its own file, in order, and begins anew at the end.
local threads = 0

function setup(thread)
  thread:set("slice", threads)
  threads = threads + 1
end

function init(args)
  requests = {}
  local file = assert(io.open(args[1] .. "/requests-" .. slice, "rb"))
  for length in function() return file:read("*l") end do
    requests[#requests + 1] = file:read(tonumber(length))
  end
  file:close()
  place = math.floor(#requests * tonumber(args[2]))
end

function request()
  place = place % #requests + 1
  return requests[place]
end

function done(summary, latency, _)
  local e = summary.errors
  io.write(string.format(
    '\n{"completed": %d, "seconds": %f, "refused": %d, "broken": %d, "p50": %f, "p99": %f}\n',
    summary.requests, summary.duration / 1e6, e.status, e.connect + e.read + e.write + e.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
