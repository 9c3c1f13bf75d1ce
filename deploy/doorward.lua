-- Asks doorward's /verify about each request: http-request lua.doorward URL
-- An answer of 200 sets the identity fields; any other goes to the caller as it is; none becomes 503.

local IDENTITY = { "x-auth-subject", "x-auth-client", "x-auth-scopes", "x-auth-method", "x-auth-identity" }
-- What belongs to the caller's connection or body, not to the question.
local NOT_ASKED = {
    ["connection"] = true, ["content-length"] = true, ["expect"] = true, ["host"] = true, ["keep-alive"] = true,
    ["te"] = true, ["trailer"] = true, ["transfer-encoding"] = true, ["upgrade"] = true,
}
local UNAVAILABLE = '{"type":"about:blank","title":"Service Unavailable","status":503,"code":"unavailable"}'

-- HAProxy counts the values of a field from 0.
local function in_order(values)
    local list = {}
    local at = 0
    while values[at] ~= nil do
        list[#list + 1] = values[at]
        at = at + 1
    end
    return list
end

local function answer(txn, status, headers, body)
    local reply = txn:reply({ status = status, headers = headers, body = body })
    txn:done(reply)
end

core.register_action("doorward", { "http-req" }, function(txn, url)
    local asked = {}
    local sent = txn.http:req_get_headers()
    for name, values in pairs(sent) do
        if not NOT_ASKED[name] then
            asked[name] = in_order(values)
        end
    end
    asked["x-original-method"] = { txn.sf:method() }
    asked["x-original-uri"] = { txn.sf:pathq() }
    local length, coding = sent["content-length"], sent["transfer-encoding"]
    if length ~= nil then
        asked["x-original-content-length"] = in_order(length)
    elseif coding == nil and txn.sf:req_ver():sub(1, 2) == "1." then
        -- Only in HTTP/1 does the lack of both say that there is no body.
        asked["x-original-content-length"] = { "0" }
    end
    if coding ~= nil then
        asked["x-original-transfer-encoding"] = in_order(coding)
    end

    local told = core.httpclient():get({ url = url, headers = asked, timeout = 5000 })
    local status = told and told.status
    -- Every answer of doorward has an x-request-id: one without it is HAProxy's own, or a stranger's.
    if status == nil or told.headers == nil or told.headers["x-request-id"] == nil then
        answer(txn, 503, { ["content-type"] = { "application/problem+json" }, ["retry-after"] = { "1" } }, UNAVAILABLE)
    elseif status ~= 200 then
        local headers = {}
        for name, values in pairs(told.headers) do
            if name ~= "content-length" and name ~= "connection" and name ~= "transfer-encoding" then
                headers[name] = in_order(values)
            end
        end
        answer(txn, status, headers, told.body)
    else
        for _, name in ipairs(IDENTITY) do
            local values = told.headers[name]
            if values ~= nil then
                txn.http:req_set_header(name, values[0])
            end
        end
        if told.headers["dpop-nonce"] ~= nil then
            txn:set_var("txn.dpop_nonce", told.headers["dpop-nonce"][0])
        end
    end
end, 1)
