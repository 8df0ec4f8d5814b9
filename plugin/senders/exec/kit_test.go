package exec

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/bellbuoy/bellbuoy/plugin/plugintest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	plugintest.Run(t, New("1.2.3"), plugintest.Target{
		Options: `{"command":["/bin/cat","-u"],"env":{"TOKEN":"opensesame"},"dir":"/tmp"}`,
		More:    []string{`{"command":["/bin/true"]}`},
		Bad: []string{
			`{"command":["cat"]}`, `{"command":["./cat"]}`, `{"command":[""]}`, `{"command":"/bin/cat x"}`, `{"command":["/bin/cat","a\u0000b"]}`,
			`{"command":["/bin/cat"],"env":{"A B":"opensesame"}}`, `{"command":["/bin/cat"],"env":{"BELLBUOY_TARGET":"opensesame"}}`,
			`{"command":["/bin/cat"],"env":{"A":"opensesame\u0000"}}`, `{"command":["/bin/cat"],"dir":"tmp"}`,
		},
		Takes: true,
	})
}
