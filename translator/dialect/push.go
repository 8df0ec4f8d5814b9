package dialect

import (
	"encoding/json"
	"strings"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// These two tell of pushes only, and have no name for them.

func pushWord(t event.Type) string {
	switch t {
	case event.ArtifactPushed, event.ChartPushed, event.ArtifactAttached, event.ArtifactSigned:
		return "push_data"
	}
	return ""
}

func acrPersonalWord(t event.Type) string { return pushWord(t) }

func dockerHubWord(t event.Type) string { return pushWord(t) }

// taggedPush says why of cannot tell of e.
func taggedPush(of string, e *event.Event) error {
	switch {
	case !isPush(e):
		return errSigned(of)
	case fullName(e) == "":
		return lacks(of, e, "a repository")
	case tagOf(e) == "":
		return lacks(of, e, "a tag")
	}
	return nil
}

// acrPush has all keys always, as ACR's own bodies have.
type acrPush struct {
	Data struct {
		Digest   string `json:"digest"`
		PushedAt string `json:"pushed_at"`
		Tag      string `json:"tag"`
	} `json:"push_data"`
	Repository struct {
		DateCreated    string `json:"date_created"` // never known
		Name           string `json:"name"`
		Namespace      string `json:"namespace"`
		Region         string `json:"region"`
		Authentication string `json:"repo_authentication_type"`
		FullName       string `json:"repo_full_name"`
		Origin         string `json:"repo_origin_type"`
		Type           string `json:"repo_type"`
	} `json:"repository"`
}

// acrPersonal tells the time as China's wall clock has it, in whole seconds.
func acrPersonal(e *event.Event, _ string, _ json.RawMessage) (Message, error) {
	if err := taggedPush("ACR", e); err != nil {
		return Message{}, err
	}
	var p acrPush
	p.Data.Digest, p.Data.Tag = digestOf(e), tagOf(e)
	p.Data.PushedAt = e.Time.In(china()).Format("2006-01-02 15:04:05")
	r := &p.Repository
	r.Name, r.Namespace, r.FullName, r.Region = e.Repository.Name, e.Repository.Namespace, e.Repository.FullName, e.Registry.Region
	r.Type = strings.ToUpper(e.Repository.Visibility)
	r.Authentication, r.Origin = "NO_CERTIFIED", "NO_CERTIFIED" // the only value ever seen
	return inJSON(p)
}

// hubPush has no callback_url, since nothing here waits to be called back, and none of
// the numbers of stars and comments.
type hubPush struct {
	Data struct {
		PushedAt int64  `json:"pushed_at"`
		Pusher   string `json:"pusher"`
		Tag      string `json:"tag"`
	} `json:"push_data"`
	Repository struct {
		IsPrivate *bool  `json:"is_private,omitempty"`
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
		Owner     string `json:"owner"`
		RepoName  string `json:"repo_name"`
		RepoURL   string `json:"repo_url,omitempty"`
		Status    string `json:"status"`
	} `json:"repository"`
}

// dockerHub names the repository without its registry, as Docker Hub does.
func dockerHub(e *event.Event, _ string, _ json.RawMessage) (Message, error) {
	if err := taggedPush("Docker Hub", e); err != nil {
		return Message{}, err
	}
	var p hubPush
	p.Data.PushedAt, p.Data.Pusher, p.Data.Tag = e.Time.Unix(), actorOf(e), tagOf(e)
	r := &p.Repository
	r.Name, r.Namespace, r.Owner, r.RepoName = e.Repository.Name, e.Repository.Namespace, e.Repository.Namespace, e.Repository.FullName
	r.Status = "Active"
	if r.RepoURL = e.Repository.URL; r.RepoURL == "" && image(e) != "" {
		r.RepoURL = "https://" + image(e)
	}
	if v := e.Repository.Visibility; v != "" {
		r.IsPrivate = new(v == "private")
	}
	return inJSON(p)
}
