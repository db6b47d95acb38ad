package main

import (
	"context"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/cli-runtime/pkg/resource"
	"k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/kubectl/pkg/cmd/wait"
)

// awaited are the conditions that people wait for.
var awaited = []string{"Ready", "ActionRequired", "Stalled"}

// nowhere leads to no cluster: kubectl's own code runs on the objects in memory.
type nowhere struct {
	*genericclioptions.TestConfigFlags
}

func (nowhere) ToRESTConfig() (*rest.Config, error) { return &rest.Config{}, nil }

// waitsReturn names the conditions for which `kubectl wait --for=condition=… --timeout=0` succeeds.
func waitsReturn(object *unstructured.Unstructured) ([]string, error) {
	returned := []string{}
	for _, condition := range awaited {
		met, err := waitReturns(object, condition)
		if err != nil {
			return nil, err
		}
		if met {
			returned = append(returned, condition)
		}
	}
	return returned, nil
}

func waitReturns(object *unstructured.Unstructured, condition string) (bool, error) {
	streams, _, _, _ := genericiooptions.NewTestIOStreams()
	empty := clientcmd.NewDefaultClientConfig(clientcmdapi.Config{}, &clientcmd.ConfigOverrides{})
	flags := wait.NewWaitFlags(nowhere{genericclioptions.NewTestConfigFlags().WithClientConfig(empty)}, streams)
	flags.Timeout = 0
	flags.ForCondition = []string{"condition=" + condition}
	options, err := flags.ToOptions(nil)
	if err != nil {
		return false, err
	}
	options.DynamicClient = fake.NewSimpleDynamicClient(runtime.NewScheme(), object.DeepCopy())
	kind := object.GroupVersionKind()
	plural, _ := meta.UnsafeGuessKindToResource(kind)
	info := &resource.Info{
		Name:      object.GetName(),
		Namespace: object.GetNamespace(),
		Mapping:   &meta.RESTMapping{Resource: plural, GroupVersionKind: kind, Scope: meta.RESTScopeNamespace},
	}
	_, met, err := options.ConditionFn[0](context.Background(), info, options)
	if err != nil && !strings.HasPrefix(err.Error(), "condition not met") {
		return false, err
	}
	return met, nil
}
