-- Sends the requests of a file in turn, split over wrk's threads; notes every answer that is not 200.
-- Arguments: the file, the number of threads, the Origin to send.

local started = {}

function setup(thread)
  thread:set("number", #started)
  table.insert(started, thread)
end

function init(arguments)
  local file, threads, origin = arguments[1], tonumber(arguments[2]), arguments[3]
  prepared, position, repeats, refused, answer = {}, 0, 0, 0, ""
  wrk.headers["Content-Type"] = "application/json"
  wrk.headers["Origin"] = origin
  local line_number = 0
  for line in io.lines(file) do
    if line_number % threads == number then
      local method, path, body = line:match("^([^\t]*)\t([^\t]*)\t(.*)$")
      table.insert(prepared, wrk.format(method, path, nil, body ~= "" and body or nil))
    end
    line_number = line_number + 1
  end
end

function request()
  position = position + 1
  if position > #prepared then
    position, repeats = 1, repeats + 1
  end
  return prepared[position]
end

function response(status, headers, body)
  if status ~= 200 then
    refused = refused + 1
    answer = status .. " " .. body:gsub("%s+", " ")
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  local total = { refused = 0, repeats = 0 }
  local answer = ""
  for _, thread in ipairs(started) do
    total.refused = total.refused + thread:get("refused")
    total.repeats = total.repeats + thread:get("repeats")
    answer = thread:get("answer") ~= "" and thread:get("answer") or answer
  end
  print("-- result --")
  print("answers " .. summary.requests)
  print("microseconds " .. summary.duration)
  print("socket_errors " .. errors.connect + errors.read + errors.write + errors.timeout)
  print("refused " .. total.refused)
  print("repeats " .. total.repeats)
  print("answer " .. answer)
end
