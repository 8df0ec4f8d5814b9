package translator_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/distribution/distribution/v3/notifications"

	"github.com/bellbuoy/bellbuoy/adapters/distribution"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// Each target posts anything to a registry of one type; always says what must hold then.

// post is a request but for its body. The part of its path behind the registry's name
// is event.
func post(event string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/in/hub", nil)
	r.SetPathValue("event", event)
	return r
}

// seed adds each body of testdata/TYPE with add.
func seed(f *testing.F, name string, add func(event string, body []byte)) {
	f.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", name, "*.[hj]*"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no bodies of %s: %v", name, err)
	}
	for _, file := range files {
		if filepath.Ext(file) == ".http" {
			r, body := parseRequest(f, read(f, file))
			add(r.PathValue("event"), []byte(body))
			continue
		}
		for line := range strings.Lines(read(f, file)) {
			add("", []byte(line))
		}
	}
}

// seedBodies is seed for a target that takes bodies alone.
func seedBodies(f *testing.F, names ...string) {
	f.Helper()
	for _, name := range names {
		seed(f, name, func(_ string, body []byte) { f.Add(body) })
	}
}

func FuzzDistribution(f *testing.F) {
	seedBodies(f, "distribution")
	f.Add([]byte(`{"events":[{"action":"x","timestamp":"0000-01-01T00:00:00+23:59","target":{"size":-1}}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		events := typeNamed("distribution").always(t, post(""), body)
		ns, err := distribution.Adapter{}.Read(post(""), body)
		if err != nil {
			return
		}
		if len(events) != len(ns) {
			t.Fatalf("%d events of %d notifications", len(events), len(ns))
		}
		for i, e := range events {
			if d, ok := ns[i].Native.(*notifications.Event); ok { // and no stray
				asSaid(t, e, d)
			}
		}
	})
}

// asSaid checks that each field of e is the one that d has for it: an event is about one
// thing here, so that no text may stand where another belongs.
func asSaid(t *testing.T, e event.Event, d *notifications.Event) {
	t.Helper()
	same := func(field, got, want string) {
		if got != want {
			t.Fatalf("%s = %q, want %q", field, got, want)
		}
	}
	same("native id", e.Native.ID, d.ID)
	same("native type", e.Native.Type, d.Action)
	same("request id", e.RequestID, d.Request.ID)
	same("host", e.Registry.Host, d.Request.Host)
	same("instance", e.Registry.Instance, d.Source.InstanceID)
	if e.Actor != nil {
		same("actor", e.Actor.Name+e.Actor.Address+e.Actor.UserAgent, d.Actor.Name+d.Request.Addr+d.Request.UserAgent)
	}
	if e.Repository != nil {
		same("repository", e.Repository.FullName, d.Target.Repository)
		ns, _, _ := strings.Cut(d.Target.Repository, "/")
		if e.Repository.Namespace != "" {
			same("namespace", e.Repository.Namespace, ns)
		}
	}
	if a := e.Artifact; a != nil {
		same("digest", a.Digest, string(d.Target.Digest))
		same("media type", a.MediaType, d.Target.MediaType)
		same("tags", strings.Join(a.Tags, ","), d.Target.Tag)
		same("URL", a.URL, d.Target.URL)
		if a.Size != d.Target.Size && a.Size != d.Target.Length {
			t.Fatalf("size = %d, want %d", a.Size, d.Target.Size)
		}
		if len(a.Platforms) > len(d.Target.References) {
			t.Fatalf("%d platforms of %d references", len(a.Platforms), len(d.Target.References))
		}
	}
}

func FuzzHarbor(f *testing.F) {
	seedBodies(f, "harbor")
	f.Add([]byte(about("deleteImage", `"digest":"`+digestOf+`","tag":"a"},{"tag":"b"`)))
	f.Fuzz(func(t *testing.T, body []byte) {
		typeNamed("harbor").always(t, post(""), body)
	})
}

func FuzzQuay(f *testing.F) {
	seed(f, "quay", func(event string, body []byte) {
		f.Add(event, body)
		f.Add("", body)
	})
	f.Add("", []byte(`{"repository":"/","updated_tags":["sha256-`+quayHex+`.sig","sha256:`+quayHex+`"]}`))
	f.Add("build_start", []byte(`{"repository":"a/b","build_id":"/","trigger_metadata":{"commit_info":{"date":-62135596800}}}`))
	f.Fuzz(func(t *testing.T, event string, body []byte) {
		typeNamed("quay").always(t, post(event), body)
	})
}

func FuzzTCR(f *testing.F) {
	seedBodies(f, "tcr")
	f.Add([]byte(`{"type":"scanningCompleted","occur_at":-99999999999999,"event_data":{"resources":[{"tag":":","scan_overview":{"":null,"a":{"summary":{"summary":{"x":1}}}}},null],"repository":{"repo_full_name":"/"}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		typeNamed("tcr").always(t, post(""), body)
	})
}

func FuzzACRPersonal(f *testing.F) {
	seedBodies(f, "acr-personal")
	f.Add([]byte(`{"push_data":{"digest":"x","tag":"y","pushed_at":"9999-12-31 23:59:59-23:59"},"repository":{"repo_full_name":"//"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		typeNamed("acr-personal").always(t, post(""), body)
	})
}

// The bare data of an event of ACR has its name in the path.
func FuzzACR(f *testing.F) {
	seedBodies(f, "acr")
	f.Add([]byte(`{"id":1,"type":"cr:Artifact:ScanCompleted","aliyunregionid":{},"data":{"RepoName":1,"Namespace":"n","ImageTag":"t","XStatus":"complete","HighSeverity":1,"TotalSeverity":"-1","Digest":"sha256:1"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		typeNamed("acr").always(t, post(""), body)
		typeNamed("acr").always(t, post("ScanCompleted"), body)
	})
}

// A registry of type cloudevents takes those of all products.
func FuzzCloudEvents(f *testing.F) {
	seedBodies(f, "cloudevents", "harbor", "acr")
	f.Add([]byte(zot("image.updated", `"name":"a/b","reference":"v1","digest":"`+digestOf+`","mediaType":"application/vnd.oci.image.manifest.v1+json","manifest":"{}"`)))
	f.Fuzz(func(t *testing.T, body []byte) {
		typeNamed("cloudevents").always(t, post(""), body)
	})
}

// In binary mode the attributes are headers and the body is the data.
func FuzzBinaryCloudEvents(f *testing.F) {
	harbor := `{"resources":[{"digest":"` + digestOf + `","tag":"v1"}],"repository":{"repo_full_name":"a/b"}}`
	f.Add("harbor.artifact.pushed", "/projects/1/webhook/policies/2", "b%C3%A9", "2026-11-20T23:33:57Z", "application/json", []byte(harbor))
	f.Add("zotregistry.image.deleted", `"z\"ot"`, "1", "", "", []byte(`{"name":"a/b","reference":"v1"}`))
	f.Add("cr:Artifact:PushCompleted", "acs.cr", "%", "2020-11-19T21:04:42.179PRC", "text/json; x", []byte(`{"RepoNamespaceName":"n","RepoName":"r","Tag":"t"}`))
	f.Add("other", "", "", "x", "text/plain", []byte("hello"))
	f.Fuzz(func(t *testing.T, typ, source, id, at, contentType string, body []byte) {
		for _, name := range []string{"cloudevents", "harbor", "acr"} {
			r := post("")
			r.Header = http.Header{"Ce-Specversion": {"1.0"}, "Ce-Type": {typ}, "Ce-Source": {source}, "Ce-Id": {id},
				"Ce-Time": {at}, "Ce-Operator": {source}, "Ce-Requestid": {id}, "Ce-Aliyunregionid": {source}, "Content-Type": {contentType}}
			typeNamed(name).always(t, r, body)
		}
	})
}
