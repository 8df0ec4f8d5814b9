package inbox

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin/plugintest"
)

func TestContract(t *testing.T) {
	var mu sync.Mutex
	kept := map[string]bool{}
	keep := func(ctx context.Context, n Notice) (bool, error) {
		if err := ctx.Err(); err != nil {
			return false, errors.Join(errors.New("the store is busy"), err)
		}
		mu.Lock()
		defer mu.Unlock()
		added := !kept[n.ID]
		kept[n.ID] = true
		return added, nil
	}
	plugintest.Run(t, Into("test", keep), plugintest.Target{
		Options: `{"kind":"team","name":"platform"}`,
		More:    []string{`{"name":"alice"}`, `{"kind":"organization","name":"平台"}`},
		Bad:     []string{`{"name":"a\u0000b"}`, `{"kind":"robot","name":"x"}`},
		Takes:   true,
	})
}
