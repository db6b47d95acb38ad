-- Health of a WazzupAccount. A token that a person must mend is Suspended; only what the manifest must mend is Degraded.
local function said(status, message)
  return {status = status, message = message}
end

local status = obj.status or {}
local found = {}
for _, condition in ipairs(status.conditions or {}) do
  found[condition.type] = condition
end

local ready = found.Ready or {}
local token = found.Authenticated
local webhooks = found.WebhooksSubscribed
local stalled = found.Stalled

local fresh = (status.observedGeneration or -1) >= (obj.metadata.generation or 0)

-- Argo CD itself says Progressing of what is being deleted and asks no script; other users of this script may.
if obj.metadata.deletionTimestamp ~= nil then
  if fresh and ready.status == "False" and ready.message ~= nil then
    return said("Progressing", "being deleted: " .. ready.message)
  end
  return said("Progressing", "being deleted")
end

if not fresh or ready.status == nil then
  return said("Progressing", "waiting for wazzup-operator to look at the present spec; if this lasts, look whether it runs")
end

if stalled ~= nil and stalled.status == "True" then
  return said("Degraded", "the manifest must change: " .. (stalled.message or stalled.reason))
end
if ready.status == "True" then
  if webhooks ~= nil and webhooks.status ~= "True" then
    return said("Healthy", (ready.message or "ready") .. "; webhooks: " .. (webhooks.message or webhooks.reason))
  end
  return said("Healthy", ready.message or "ready")
end
-- What a person must mend; what is Unknown is asked for again.
if token ~= nil and token.status == "False" then
  return said("Suspended", "a person is needed: " .. (token.message or token.reason))
end
if obj.spec ~= nil and obj.spec.suspend == true then
  return said("Suspended", "spec.suspend is set; " .. (ready.message or ready.reason or ""))
end
return said("Progressing", ready.message or ready.reason or "not ready")
