package quay

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"
)

const someID = "240662ea-597b-499d-98bb-2b57e73408d6"

func TestPaths(t *testing.T) {
	for path, want := range map[string]place{
		"/api/v1/repository/prod/api/notification":                              {repository: "prod/api", namespace: "prod"},
		"/api/v1/repository/prod/api/notification/":                             {repository: "prod/api", namespace: "prod"},
		"/api/v1/repository/prod/team/api/notification/":                        {repository: "prod/team/api", namespace: "prod"},
		"/api/v1/repository/busybox/notification/":                              {repository: "busybox"},
		"/api/v1/repository/prod/api/notification/" + someID:                    {repository: "prod/api", namespace: "prod", uuid: someID},
		"/api/v1/repository/prod/api/notification/x":                            {repository: "prod/api", namespace: "prod", uuid: "x"},
		"/api/v1/repository/prod/api/notification/" + someID + "/test/":         {repository: "prod/api", namespace: "prod", uuid: someID, test: true},
		"/api/v1/repository/prod/notification/notification":                     {repository: "prod/notification", namespace: "prod"},
		"/api/v1/repository/prod/notification/notification/" + someID:           {repository: "prod/notification", namespace: "prod", uuid: someID},
		"/api/v1/repository/prod/notification/notification/" + someID + "/test": {repository: "prod/notification", namespace: "prod", uuid: someID, test: true},
		"/api/v1/repository/prod/notification/test/notification":                {repository: "prod/notification/test", namespace: "prod"},
		"/api/v1/repository/prod/notification/" + someID + "/notification/":     {repository: "prod/notification/" + someID, namespace: "prod"},
		"/api/v1/repository/prod/test/notification/notification/test":           {repository: "prod/test/notification", namespace: "prod", uuid: "test"},
		"/api/v1/organization/acme/notifications":                               {namespace: "acme"},
		"/api/v1/organization/acme/notifications/" + someID + "/":               {namespace: "acme", uuid: someID},
		"/api/v1/organization/notifications/notifications/" + someID + "/test":  {namespace: "notifications", uuid: someID, test: true},
		"/api/v1/user/namespacenotifications":                                   {user: true},
		"/api/v1/user/namespacenotifications/" + someID + "/test/":              {user: true, uuid: someID, test: true},
		"/api/v1/repository/" + strings.Repeat("a", maxName) + "/notification":  {repository: strings.Repeat("a", maxName)},
		"/api/v1/repository/A_b/c.d-e/notification":                             {repository: "A_b/c.d-e", namespace: "A_b"},
	} {
		if got, ok := parse(path); got != want || !ok {
			t.Errorf("%s: %+v, %t, want %+v", path, got, ok, want)
		}
	}
	for _, path := range []string{
		"/api/v1/repository/", "/api/v1/repository/notification", "/api/v1/repository/notification/" + someID, "/api/v1/repository/prod/api",
		"/api/v1/repository/prod/api/notification//", "/api/v1/repository/prod//api/notification", "/api/v1/repository/../x/notification",
		"/api/v1/repository/prod/./notification", "/api/v1/repository/prod/*/notification", "/api/v1/repository/{a,b}/notification",
		"/api/v1/repository/!prod/api/notification", "/api/v1/repository/prod/ä/notification", "/api/v1/repository/prod/a b/notification",
		"/api/v1/repository/prod/api/notification/" + someID + "/test/more", "/api/v1/repository/prod/api/notifications/",
		"/api/v1/repository/prod/api/notification/" + someID + "/tests", "/api/v1/repository/prod/\x00/notification",
		"/api/v1/repository/" + strings.Repeat("a/", maxName/2) + "aa/notification",
		"/api/v1/organization/acme", "/api/v1/organization/acme/notification", "/api/v1/organization/acme/notificationsx",
		"/api/v1/organization/acme/team/notifications", "/api/v1/organization//notifications", "/api/v1/organization/acme/notifications/x/y",
		"/api/v1/user/namespacenotificationsx", "/api/v1/user/namespacenotifications/x/test/y", "/api/v1/user/namespacenotifications//test",
		"", "/", "/api/v1/events",
	} {
		if got, ok := parse(path); ok {
			t.Errorf("%q names %+v", path, got)
		}
	}
}

// Whatever a path is, what it is read as leads back to the same, and nothing in it is
// anything but a name.
func FuzzParse(f *testing.F) {
	for _, path := range []string{
		"prod/api/notification/", "prod/api/notification/" + someID + "/test", "notification/notification/notification/test/test", "a//b/../notification", "%2e/notification",
	} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, rest string) {
		for _, prefix := range []string{repositories, organizations, ofUser} {
			path := prefix + rest
			p, ok := parse(path)
			if !ok {
				continue
			}
			if !Serves(path) {
				t.Errorf("%q is parsed and not served", path)
			}
			back := ofUser
			switch {
			case p.repository != "":
				back = repositories + p.repository + "/notification"
			case !p.user:
				back = organizations + p.namespace + "/notifications"
			}
			if p.uuid != "" {
				back += "/" + p.uuid
			}
			if p.test {
				back += "/test"
			}
			if back != strings.TrimSuffix(path, "/") {
				t.Errorf("%q is read as %+v, which is %q", path, p, back)
			}
			for part := range strings.SplitSeq(p.repository, "/") {
				if p.repository != "" && !isName(part) {
					t.Errorf("%q: repository %q", path, p.repository)
				}
			}
			// A UUID where one may stand is always taken for one.
			if at := strings.Split(strings.Trim(rest, "/"), "/"); len(at) > 2 && prefix == repositories &&
				at[len(at)-2] == "notification" && uuid.Validate(at[len(at)-1]) == nil && p.uuid != at[len(at)-1] {
				t.Errorf("%q is read as %+v", path, p)
			}
		}
	})
}

// The slash that a client escapes is one: Quay sees no difference.
func TestEscapedSlash(t *testing.T) {
	u, err := url.Parse("http://h/api/v1/repository/prod%2Fapi/notification/")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, &http.Request{Method: "GET", URL: u, Host: "h"})
	if rec.Code != 200 || rec.Body.String() != `{"notifications":[]}`+"\n" {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}
