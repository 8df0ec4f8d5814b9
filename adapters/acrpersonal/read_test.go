package acrpersonal

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/adapters/adaptertest"
)

const push = `{"push_data":{"digest":"sha256:457f4aa83fc9a6663ab9d1b0a6e2dce25a12a943ed5bf2c1747c58d48bbb4917","pushed_at":"2016-11-29 12:25:46","tag":"latest"},"repository":{"date_created":"2016-10-28 21:31:42","name":"repoTest","namespace":"namespace","region":"cn-hangzhou","repo_authentication_type":"NO_CERTIFIED","repo_full_name":"namespace/repoTest","repo_origin_type":"NO_CERTIFIED","repo_type":"PUBLIC"}}`

func request() *http.Request { return httptest.NewRequest(http.MethodPost, "/in/hub", nil) }

func TestRead(t *testing.T) {
	got, err := Adapter{}.Read(request(), []byte(push))
	if err != nil || len(got) != 1 {
		t.Fatalf("Read() = %v, %v, want one notification", got, err)
	}
	want := Push{
		Data: PushData{
			Digest:   "sha256:457f4aa83fc9a6663ab9d1b0a6e2dce25a12a943ed5bf2c1747c58d48bbb4917",
			PushedAt: "2016-11-29 12:25:46",
			Tag:      "latest",
		},
		Repository: Repository{
			DateCreated: "2016-10-28 21:31:42", Name: "repoTest", Namespace: "namespace", Region: "cn-hangzhou",
			Authentication: "NO_CERTIFIED", FullName: "namespace/repoTest", Origin: "NO_CERTIFIED", Type: "PUBLIC",
		},
	}
	if p := got[0].Native.(*Push); *p != want || got[0].ID != "" || string(got[0].Raw) != push {
		t.Errorf("notification = %+v of %q, want %+v", *p, got[0].ID, want)
	}
}

func TestDockerHubHasTheSameOuterKeys(t *testing.T) {
	got, err := Adapter{}.Read(request(), []byte(`{"push_data":{"pushed_at":1417566161,"pusher":"a","tag":"latest"},"callback_url":"https://x","repository":{"repo_name":"a/b"}}`))
	if err != nil || len(got) != 1 || got[0].Native != (adapters.Stray{Of: adapters.DockerHub}) {
		t.Errorf("Read() = %+v, %v, want a stray of Docker Hub", got, err)
	}
}

func TestReadUnreadable(t *testing.T) {
	tests := []struct{ name, body, reason string }{
		{"empty", "", "the body is empty"},
		{"not JSON", "<html>", "not JSON: invalid character '<' at start of value at byte 0"},
		{"null", `null`, `the body is null, want an object with "push_data" and "repository"`},
		{"push a string", `{"push_data":"latest"}`, `wrong value at "/push_data": a string where an object belongs`},
		{"tag a number", `{"push_data":{"digest":"","tag":1}}`, `wrong value at "/push_data/tag": a number where a string belongs`},
		{"tag twice", `{"push_data":{"tag":"a","TAG":"b"}}`, `keys "tag" and "TAG" differ in case only, in "/push_data"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Adapter{}.Read(request(), []byte(tt.body))
			var unreadable *adapters.Unreadable
			if !errors.As(err, &unreadable) {
				t.Fatalf("Read() = %v, %v, want an Unreadable", got, err)
			}
			if unreadable.Reason != tt.reason {
				t.Errorf("reason\n got %s\nwant %s", unreadable.Reason, tt.reason)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(push))
	f.Add([]byte(`{"push_data":{"digest":"","pushed_at":null},"repository":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		adaptertest.Read(t, Adapter{}, request(), body)
	})
}
