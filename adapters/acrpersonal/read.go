// Package acrpersonal reads what the triggers of a repository in Alibaba's ACR post:
// the webhooks of the personal edition, and the repository triggers of Enterprise
// instances. Events of Enterprise instances come through EventBridge, another registry
// type.
package acrpersonal

import (
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/bellbuoy/bellbuoy/adapters"
)

// Push is a whole body. What it does not say is empty.
type Push struct {
	Data       PushData   `json:"push_data"`
	Repository Repository `json:"repository"`
}

// PushData is what was pushed.
type PushData struct {
	Digest   string `json:"digest"`
	PushedAt string `json:"pushed_at"` // 2016-11-29 12:25:46, China's wall clock
	Tag      string `json:"tag"`
}

// Repository is where it was pushed to.
type Repository struct {
	DateCreated    string `json:"date_created"`
	Name           string `json:"name"`
	Namespace      string `json:"namespace"`
	Region         string `json:"region"`
	Authentication string `json:"repo_authentication_type"`
	FullName       string `json:"repo_full_name"`
	Origin         string `json:"repo_origin_type"`
	Type           string `json:"repo_type"` // PUBLIC or PRIVATE
}

// Adapter is the [adapters.Adapter] of ACR's repository triggers.
type Adapter struct{}

// Read returns the one notification of the body. Native is a [*Push], or an
// [adapters.Stray] where the body is another registry type's, or Docker Hub's, which
// has the same outer keys.
func (Adapter) Read(r *http.Request, body []byte) ([]adapters.Notification, error) {
	if err := adapters.Scan(r.Header, body); err != nil {
		return nil, err
	}
	if kind := jsontext.Value(body).Kind(); kind != '{' {
		return nil, adapters.Unreadablef(`the body is %s, want an object with "push_data" and "repository"`, adapters.KindName(kind))
	}
	if stray, ok := adapters.Strayed(body, adapters.ACRPersonal); ok {
		return stray, nil
	}
	p := new(Push)
	if err := json.Unmarshal(body, p); err != nil {
		return nil, adapters.DecodeFault(err)
	}
	return []adapters.Notification{{Native: p, Raw: body}}, nil
}
