package quay

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// mask stands for what is not shown.
const mask = "********"

// target is the target of a notification, with the keys that targets have in the
// configuration.
type target struct {
	Name         string         `json:"name"`
	Type         string         `json:"type"`
	Options      map[string]any `json:"options"`
	Format       string         `json:"format,omitempty"`
	Template     *template      `json:"template,omitempty"`
	DisableAfter int            `json:"disable_after"`
}

type template struct {
	JSON string `json:"json"`
}

// fields are the config of a request.
type fields map[string]json.RawMessage

// text is what stands under a key as text, "" where there is none.
func (f fields) text(key string) string {
	var s string
	_ = json.Unmarshal(f[key], &s)
	return s
}

// reading is what a method makes of a config.
type reading struct {
	place  place
	config fields
	known  func(kind, name string) bool
	target *target
	// shown are the keys that are shown, as they are shown; of other keys the values are
	// masked.
	shown map[string]any
}

// way is one of Quay's methods.
type way struct {
	typ  string // of our target
	read func(*reading) error
	// url is what Quay says of a bad one.
	url string
}

// ways are Quay's methods.
func ways() map[string]way {
	return map[string]way{
		"quay_notification": {typ: "inbox", read: readInbox},
		"email":             {typ: "email", read: readEmail},
		"webhook":           {typ: "webhook", read: readWebhook, url: "Invalid webhook URL"},
		"slack":             {typ: "slack", read: readSlack, url: "Invalid Slack Callback URL"},
		"flowdock":          {typ: "flowdock", read: readFlowdock},
		"hipchat":           {typ: "hipchat", read: readHipchat},
	}
}

func readWebhook(r *reading) error {
	if falsy(r.config["url"]) {
		return invalid("Missing webhook URL")
	}
	u, err := url.Parse(r.config.text("url"))
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" {
		return invalid("Invalid webhook URL")
	}
	r.target.Options["url"] = u.String()
	r.shown["url"] = maskURL(*u)
	if raw := r.config["template"]; !falsy(raw) {
		text := r.config.text("template")
		if !json.Valid([]byte(text)) {
			return invalid("config.template: write a text that holds JSON")
		}
		r.target.Template = &template{text}
		r.shown["template"] = raw
	}
	r.target.Format = "quay" // the template, too, is filled in from what Quay would post
	return nil
}

// maskURL is u as it is shown: without what is a secret in it, as far as one can tell.
func maskURL(u url.URL) string {
	masked := func(s string) string { return strings.ReplaceAll(s, url.QueryEscape(mask), mask) }
	if u.User != nil {
		u.User = url.User(mask)
	}
	if u.RawQuery != "" {
		pairs := strings.Split(u.RawQuery, "&")
		for i, pair := range pairs {
			if key, _, ok := strings.Cut(pair, "="); ok {
				pairs[i] = key + "=" + mask
			} else {
				pairs[i] = mask
			}
		}
		u.RawQuery = strings.Join(pairs, "&")
	}
	return masked(u.String())
}

func readSlack(r *reading) error {
	if falsy(r.config["url"]) {
		return invalid("Missing Slack Callback URL")
	}
	u, err := url.Parse(r.config.text("url"))
	if err != nil || u.Scheme == "" || u.Host == "" {
		return invalid("Invalid Slack Callback URL")
	}
	r.target.Options["url"] = u.String()
	r.shown["url"] = u.Scheme + "://" + u.Host + "/" + mask
	return nil
}

func readFlowdock(r *reading) error {
	if falsy(r.config["flow_api_token"]) {
		return invalid("Missing Flowdock API Token")
	}
	r.target.Options["flow_api_token"] = r.config["flow_api_token"]
	r.shown["flow_api_token"] = mask
	return r.base()
}

func readHipchat(r *reading) error {
	if falsy(r.config["notification_token"]) {
		return invalid("Missing Hipchat Room Notification Token")
	}
	if falsy(r.config["room_id"]) {
		return invalid("Missing Hipchat Room ID")
	}
	r.target.Options["notification_token"] = r.config["notification_token"]
	r.shown["notification_token"] = mask
	r.target.Options["room_id"] = r.config["room_id"]
	r.shown["room_id"] = r.config["room_id"]
	return r.base()
}

// base is the address of a server that speaks as one whose public service is no more. Quay
// has no such key.
func (r *reading) base() error {
	const key = "base_url"
	if falsy(r.config[key]) {
		return nil
	}
	u, err := url.Parse(r.config.text(key))
	if err != nil || u.Scheme == "" || u.Host == "" {
		return invalid("config.base_url: write the address of the server, as https://host")
	}
	r.target.Options[key] = u.String()
	r.shown[key] = maskURL(*u)
	return nil
}

func readEmail(r *reading) error {
	if falsy(r.config["email"]) {
		return invalid("Missing e-mail address")
	}
	address := r.config.text("email")
	if address == "" {
		return invalid("config.email: write an e-mail address, as text")
	}
	r.target.Options["to"] = []string{address}
	r.shown["email"] = address
	return nil
}

// recipient is whose inbox it is. Its JSON is as Quay's pages send and show it.
type recipient struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	IsRobot *bool  `json:"is_robot,omitempty"`
	Avatar  avatar `json:"avatar"`
}

func readInbox(r *reading) error {
	var given map[string]json.RawMessage
	if json.Unmarshal(r.config["target"], &given) != nil || falsy(given["kind"]) {
		return invalid("Missing target")
	}
	to := recipient{Name: fields(given).text("name"), Kind: fields(given).text("kind")}
	kind, words := to.Kind, "user"
	switch to.Kind {
	case "user":
		to.IsRobot = new(bool)
	case "team":
		words = "team"
	case "org":
		kind, words = "organization", "organization"
	default:
		return invalid("Unknown kind of target %s: write user, team or org", to.Kind)
	}
	if to.Name == "" {
		return invalid("Missing target")
	}
	if r.known != nil && !r.known(kind, to.Name) {
		return invalid("Unknown %s %s", words, to.Name)
	}
	if to.Kind == "org" && to.Name != r.place.namespace {
		return &problem{http.StatusBadRequest, invalidRequest, "Organization name must match repository namespace"}
	}
	to.Avatar = avatarOf(to.Name, to.Kind)
	r.target.Options["kind"], r.target.Options["name"] = kind, to.Name
	r.shown["target"] = to
	return nil
}

// unmasked finds a value that is what this API shows instead of a secret: whoever copies a
// notification would make one that has the mask for its secret.
func (f fields) unmasked() error {
	for _, key := range slices.Sorted(maps.Keys(f)) {
		if strings.Contains(f.text(key), mask) {
			return invalid("config.%s holds %s, which is shown instead of a secret: give the secret itself", key, mask)
		}
	}
	return nil
}

// show is the config as it is shown, secrets masked. Nobody knows of a key that the method
// has not whether it is one.
func (r *reading) show() (json.RawMessage, error) {
	for key := range r.config {
		if _, ok := r.shown[key]; !ok {
			r.shown[key] = mask
		}
	}
	return compact(r.shown)
}

// compact encodes v, nothing escaped for HTML.
func compact(v any) (json.RawMessage, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSpace(buf.Bytes()), err
}

// falsy reports whether a value is one that Python takes for false, which Quay takes for
// missing.
func falsy(raw json.RawMessage) bool {
	switch s := string(bytes.TrimSpace(raw)); s {
	case "", "null", "false", `""`, "0", "0.0":
		return true
	default:
		return len(s) > 1 && (s[0] == '[' || s[0] == '{') && len(strings.TrimSpace(s[1:len(s)-1])) == 0
	}
}
