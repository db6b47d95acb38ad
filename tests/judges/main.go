// Judges objects as those who wait for them do: Flux by kstatus, Argo CD by a health script, people by kubectl wait.
//
// Reads a JSON array of objects on standard input and writes one verdict for each, in the same order. The argument is
// the ConfigMap that holds the health scripts.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// Verdict is what the judges say of one object.
type Verdict struct {
	// Kstatus is Current, InProgress, Failed or Terminating.
	Kstatus string `json:"kstatus"`
	// Argo is Healthy, Progressing, Suspended or Degraded.
	Argo Health `json:"argo"`
	// Script is what the script alone says; Argo CD does not ask it about an object that is being deleted.
	Script Health `json:"script"`
	// Waits are the conditions for which `kubectl wait --for=condition=…` returns at once.
	Waits []string `json:"waits"`
}

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "judges:", err)
		os.Exit(1)
	}
}

func run(args []string, in io.Reader, out io.Writer) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: judges CONFIGMAP <OBJECTS")
	}
	scripts, err := readScripts(args[0])
	if err != nil {
		return err
	}
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	// Whole numbers must stay whole: the judges read generations as int64.
	var objects []interface{}
	if err := utiljson.Unmarshal(text, &objects); err != nil {
		return err
	}
	verdicts := make([]Verdict, 0, len(objects))
	for index, object := range objects {
		content, ok := object.(map[string]interface{})
		if !ok {
			return fmt.Errorf("item %d is no object", index)
		}
		verdict, err := judge(&unstructured.Unstructured{Object: content}, scripts)
		if err != nil {
			return fmt.Errorf("item %d: %w", index, err)
		}
		verdicts = append(verdicts, verdict)
	}
	return json.NewEncoder(out).Encode(verdicts)
}

func judge(object *unstructured.Unstructured, scripts map[string]string) (Verdict, error) {
	result, err := status.Compute(object)
	if err != nil {
		return Verdict{}, fmt.Errorf("kstatus: %w", err)
	}
	argo, script, err := health(object, scripts)
	if err != nil {
		return Verdict{}, fmt.Errorf("health script: %w", err)
	}
	waits, err := waitsReturn(object)
	if err != nil {
		return Verdict{}, fmt.Errorf("kubectl wait: %w", err)
	}
	return Verdict{Kstatus: string(result.Status), Argo: argo, Script: script, Waits: waits}, nil
}
