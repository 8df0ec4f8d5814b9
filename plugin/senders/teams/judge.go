package teams

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/post"
)

// refusal is what a workflow answers that does not start.
type refusal struct {
	Error struct {
		Code string `json:"code"`
	} `json:"error"`
}

// judge reads an answer: the status decides. 202 says that the workflow starts, and other 2xx
// that it is such a one as answers by itself; a page is neither, but a proxy's, and says
// nothing of the message, which is tried again.
func judge(r post.Reply) (plugin.Scope, error) {
	var a refusal
	_ = json.Unmarshal(r.Body, &a) // one that is none has no code
	wrong := func(means string) (plugin.Scope, error) {
		code := a.Error.Code
		if code == "" {
			code = http.StatusText(r.Status)
		}
		return plugin.ScopeMisconfigured, plugin.Permanent(fmt.Errorf("%s: the target answered %d %.100s", means, r.Status, code))
	}
	switch r.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return wrong("the workflow does not start for whoever has its address: let anyone start it, and copy the whole address anew")
	case http.StatusNotFound:
		return wrong("there is no such workflow: it was deleted, or its address is wrong")
	case http.StatusBadRequest:
		switch a.Error.Code {
		case "WorkflowTriggerIsNotEnabled":
			return wrong("the workflow is switched off or deleted: switch it on, or give the address of another")
		case "TriggerInputSchemaMismatch":
			return wrong("the workflow is not made for messages: make it of the template for webhooks")
		}
	}
	if r.Status >= 200 && r.Status <= 299 && r.Status != http.StatusAccepted && bytes.HasPrefix(bytes.TrimSpace(r.Body), []byte("<")) {
		return "", fmt.Errorf("the target answered %d with a page, which is not as a workflow answers", r.Status)
	}
	return post.ByStatus(r)
}
