package adapters

import (
	"regexp"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Stray is the Native of a notification that was posted to a registry of another type
// than the one that writes such bodies. It becomes an unknown event that names the
// right type; it is not read as what it might be, since the products look alike.
type Stray struct {
	Of   Family
	Type string // what the body calls itself, empty if it does not
}

// Strayed returns body, which has passed [Scan], as the one notification that it is of
// another registry type than own, and whether it surely is that.
func Strayed(body []byte, own ...Family) ([]Notification, bool) {
	of, name := FamilyOf(body)
	if of == "" || slices.Contains(own, of) {
		return nil, false
	}
	return []Notification{{Native: Stray{Of: of, Type: name}, Raw: body}}, true
}

// Family is whose notification a body is, by its shape. All but [DockerHub] are
// registry types of the configuration.
type Family string

const (
	Distribution Family = "distribution"
	Harbor       Family = "harbor"
	Quay         Family = "quay"
	ACR          Family = "acr"
	ACRPersonal  Family = "acr-personal"
	TCR          Family = "tcr" // and Harbor 1.x, whose bodies are the same
	CloudEvents  Family = "cloudevents"
	DockerHub    Family = "dockerhub"
)

// upperSnake is how Harbor 2.x spells its types; 1.x and TCR write pushImage.
var upperSnake = regexp.MustCompile(`^[A-Z]+(_[A-Z]+)*$`)

// FamilyOf tells by the keys of body, which has passed [Scan], whose notification it
// is, and what it calls itself. Both are empty where the keys tell nothing.
func FamilyOf(body []byte) (Family, string) {
	var top struct {
		SpecVersion jsontext.Value `json:"specversion"`
		Source      jsontext.Value `json:"source"`
		Type        jsontext.Value `json:"type"`
		EventData   jsontext.Value `json:"event_data"`
		Events      jsontext.Value `json:"events"`
		PushData    jsontext.Value `json:"push_data"`
		Repository  jsontext.Value `json:"repository"`
		DockerURL   jsontext.Value `json:"docker_url"`
		Homepage    jsontext.Value `json:"homepage"`
	}
	if json.Unmarshal(body, &top) != nil {
		return "", ""
	}
	name := text(top.Type)
	switch {
	case top.SpecVersion != nil:
		return FamilyOfEvent(text(top.Source)), name
	case top.Events.Kind() == '[':
		return Distribution, name
	case top.PushData.Kind() == '{':
		return pushFamily(top.PushData, top.Repository), name
	case top.EventData.Kind() == '{' && upperSnake.MatchString(name):
		return Harbor, name
	case top.EventData.Kind() == '{' && name != "":
		return TCR, name
	case top.DockerURL.Kind() == '"' && top.Homepage.Kind() == '"':
		return Quay, name
	}
	return "", name
}

// FamilyOfEvent tells whose CloudEvents have this source.
func FamilyOfEvent(source string) Family {
	switch {
	case source == "acs.cr":
		return ACR
	case harborSource.MatchString(source):
		return Harbor
	}
	return CloudEvents
}

var harborSource = regexp.MustCompile(`^/projects/[0-9]+/webhook/policies/[0-9]+$`)

// pushFamily tells Aliyun's trigger from Docker Hub's webhook: both say push_data and
// repository, and Docker Hub's pushed_at is a number.
func pushFamily(push, repository jsontext.Value) Family {
	var p struct {
		PushedAt jsontext.Value `json:"pushed_at"`
		Digest   jsontext.Value `json:"digest"`
	}
	var r struct {
		FullName jsontext.Value `json:"repo_full_name"`
	}
	_ = json.Unmarshal(push, &p) // an object, as was seen
	if repository != nil {
		_ = json.Unmarshal(repository, &r) // of any kind: then there is no full name
	}
	switch {
	case p.PushedAt.Kind() == '0':
		return DockerHub
	case r.FullName != nil || p.Digest != nil:
		return ACRPersonal
	}
	return ""
}

// text returns a JSON string's value; of another kind, or none, it is empty.
func text(v jsontext.Value) string {
	if v.Kind() != '"' {
		return ""
	}
	b, err := jsontext.AppendUnquote(nil, v)
	if err != nil {
		return ""
	}
	return string(b)
}
