-- Health of a WazzupChannel. Waiting for a person is Suspended; only what the manifest must mend is Degraded.
local function said(status, message)
  return {status = status, message = message}
end

local status = obj.status or {}
local found = {}
for _, condition in ipairs(status.conditions or {}) do
  found[condition.type] = condition
end

-- The condition of a type, while it is True.
local function holds(type)
  local condition = found[type]
  if condition ~= nil and condition.status == "True" then
    return condition
  end
  return nil
end

local ready = found.Ready or {}
local person = holds("ActionRequired")
local stalled = holds("Stalled")
local working = holds("Reconciling")

-- Wazzup cannot be looked at: what was said before stands, and this is added to it.
local function told(status, message)
  local synced = found.Synced
  if synced ~= nil and synced.status == "Unknown" then
    message = message .. " (as last seen; now: " .. (synced.message or "") .. ")"
  end
  return said(status, message)
end

local fresh = (status.observedGeneration or -1) >= (obj.metadata.generation or 0)

-- Argo CD itself says Progressing of what is being deleted and asks no script; other users of this script may.
if obj.metadata.deletionTimestamp ~= nil then
  local why = stalled or person or working
  if fresh and why ~= nil and why.message ~= nil then
    return said("Progressing", "being deleted: " .. why.message)
  end
  return said("Progressing", "being deleted")
end

if not fresh or ready.status == nil then
  local synced = found.Synced
  if synced ~= nil and synced.status ~= "True" then
    return said("Progressing", "the present spec has not been acted on yet: " .. (synced.message or ""))
  end
  return said("Progressing", "waiting for wazzup-operator to look at the present spec; if this lasts, look whether it runs")
end

if stalled ~= nil then
  return told("Degraded", "the manifest must change: " .. (stalled.message or stalled.reason))
end
if ready.status == "True" then
  if person ~= nil then
    return told("Healthy", "ready as spec.readyWhen says; a person is still needed: " .. (person.message or person.reason))
  end
  return told("Healthy", ready.message or "ready")
end
if person ~= nil then
  return told("Suspended", "a person is needed: " .. (person.message or person.reason))
end
if ready.reason == "Suspended" or ready.reason == "Observed" then
  return told("Suspended", ready.message or ready.reason)
end
if obj.spec ~= nil and obj.spec.suspend == true then
  return told("Suspended", "spec.suspend is set, nothing is written to Wazzup; " .. (ready.message or ready.reason or ""))
end
if working ~= nil then
  return told("Progressing", working.message or working.reason)
end
return told("Progressing", ready.message or ready.reason or "not ready")
