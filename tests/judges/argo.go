package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	luajson "layeh.com/gopher-json"
	"sigs.k8s.io/yaml"
)

// Health is what Argo CD shows of an object.
type Health struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

const prefix = "resource.customizations.health."

// readScripts takes the health scripts from a ConfigMap, keyed by group/kind as Argo CD looks them up
// (argo-cd, util/settings/settings.go: the underscore of a key stands for the slash).
func readScripts(path string) (map[string]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var config struct {
		Data map[string]string `json:"data"`
	}
	if err := yaml.Unmarshal(text, &config); err != nil {
		return nil, err
	}
	scripts := map[string]string{}
	for key, script := range config.Data {
		if kind, ok := strings.CutPrefix(key, prefix); ok {
			scripts[strings.Replace(kind, "_", "/", 1)] = script
		}
	}
	return scripts, nil
}

// health judges as Argo CD does (gitops-engine, pkg/health/health.go, GetResourceHealth): an object that is being
// deleted is Progressing whatever the script would say. The second answer is the script's own.
func health(object *unstructured.Unstructured, scripts map[string]string) (argo, own Health, err error) {
	kind := object.GroupVersionKind()
	script, ok := scripts[kind.Group+"/"+kind.Kind]
	if !ok {
		return Health{}, Health{}, fmt.Errorf("there is none for %s/%s", kind.Group, kind.Kind)
	}
	own, err = runScript(object, script)
	if err != nil {
		return Health{}, Health{}, err
	}
	if object.GetDeletionTimestamp() != nil {
		return Health{Status: "Progressing", Message: "Pending deletion"}, own, nil
	}
	return own, own, nil
}

// runScript runs a script under the conditions of argo-cd v3.4, util/lua/lua.go (runLua, ExecuteHealthLua): the package,
// base and table libraries alone (Argo CD adds its own os, for the time), one second, the object in the global obj, the
// answer on top of the stack.
func runScript(object *unstructured.Unstructured, script string) (Health, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	libraries := []struct {
		name string
		open lua.LGFunction
	}{{lua.LoadLibName, lua.OpenPackage}, {lua.BaseLibName, lua.OpenBase}, {lua.TabLibName, lua.OpenTable}}
	for _, library := range libraries {
		call := lua.P{Fn: state.NewFunction(library.open), Protect: true}
		if err := state.CallByParam(call, lua.LString(library.name)); err != nil {
			return Health{}, err
		}
	}
	second, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	state.SetContext(second)
	state.SetGlobal("obj", toLua(state, object.Object))
	if err := state.DoString(script); err != nil {
		return Health{}, err
	}
	answer := state.Get(-1)
	if answer.Type() != lua.LTTable {
		return Health{}, fmt.Errorf("a table is expected, not %s", answer.Type())
	}
	text, err := luajson.Encode(answer)
	if err != nil {
		return Health{}, err
	}
	var said Health
	if err := json.Unmarshal(text, &said); err != nil {
		return Health{}, err
	}
	switch said.Status {
	case "Unknown", "Progressing", "Suspended", "Healthy", "Degraded", "Missing":
		return said, nil
	default:
		return Health{}, fmt.Errorf("%q is no health status", said.Status)
	}
}

// toLua turns a JSON value into Lua's: every number becomes a float, null becomes nil.
func toLua(state *lua.LState, value interface{}) lua.LValue {
	switch value := value.(type) {
	case bool:
		return lua.LBool(value)
	case string:
		return lua.LString(value)
	case int64:
		return lua.LNumber(value)
	case float64:
		return lua.LNumber(value)
	case []interface{}:
		list := state.CreateTable(len(value), 0)
		for _, item := range value {
			list.Append(toLua(state, item))
		}
		return list
	case map[string]interface{}:
		table := state.CreateTable(0, len(value))
		for key, item := range value {
			table.RawSetString(key, toLua(state, item))
		}
		return table
	default:
		return lua.LNil
	}
}
