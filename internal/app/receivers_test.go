package app

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// received is a request that came to a receiver.
type received struct {
	target string // the path of the target's URL, where the example leaves it open
	r      *http.Request
	body   []byte
}

// read decodes the body as a receiver does.
func read[T any](t *testing.T, m received) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(m.body, &v); err != nil {
		t.Fatalf("%v in %s", err, m.body)
	}
	return v
}

const (
	pushedDigest = "sha256:68d8a8636649f980dc2162de2b314dddabe2d9c29ca45cb25dfdbac6ef5385d8"
	pushedImage  = "127.0.0.1:5051/team/app"
)

// receivers say how each of the examples' receivers reads what it gets, by the example's
// file: the fields are those that its source reads, and no others.
func receivers() map[string]func(*testing.T, received) {
	return map[string]func(*testing.T, received){
		"flux.yml":                 readFlux,
		"keel.yml":                 readKeel,
		"argocd-image-updater.yml": readImageUpdater,
		"jenkins.yml":              readJenkins,
		"gitlab.yml":               readGitLab,
		"github.yml":               readGitHub,
	}
}

func readFlux(t *testing.T, m received) {
	switch m.target {
	case "/FLUX_DOCKERHUB_URL":
		v := read[struct {
			PushData struct {
				Tag string `json:"tag"`
			} `json:"push_data"`
			Repository struct {
				URL string `json:"repo_url"`
			} `json:"repository"`
		}](t, m)
		if v.PushData.Tag != "v1" || v.Repository.URL != "https://"+pushedImage {
			t.Errorf("dockerhub: %+v", v)
		}
	case "/FLUX_QUAY_URL":
		v := read[struct {
			DockerURL   string   `json:"docker_url"`
			UpdatedTags []string `json:"updated_tags"`
		}](t, m)
		if v.DockerURL != pushedImage || !slices.Equal(v.UpdatedTags, []string{"v1"}) {
			t.Errorf("quay: %+v", v)
		}
	case "/FLUX_CDEVENTS_URL": // that it is valid is tested where it is made
		v := read[struct {
			Context struct{ Version, Type, ID, Source, Timestamp string }
			Subject struct{ ID, Type string }
		}](t, m)
		if m.r.Header.Get("Ce-Type") != "dev.cdevents.artifact.published.0.2.0" || v.Context.Type != m.r.Header.Get("Ce-Type") ||
			!strings.HasPrefix(v.Context.Version, "0.4.") || v.Subject.Type != "artifact" || !strings.HasPrefix(v.Subject.ID, "pkg:oci/app@sha256%3A") {
			t.Errorf("cdevents: %v %+v", m.r.Header, v)
		}
	case "/FLUX_HARBOR_URL":
		if m.r.Header.Get("Authorization") != "the-FLUX_TOKEN" {
			t.Errorf("harbor: %v", m.r.Header)
		}
	case "/FLUX_GITHUB_URL":
		mac := hmac.New(sha256.New, []byte("the-FLUX_TOKEN"))
		mac.Write(m.body)
		if want := "sha256=" + hex.EncodeToString(mac.Sum(nil)); m.r.Header.Get("X-Hub-Signature-256") != want || m.r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("github: %v, want %s", m.r.Header, want)
		}
	default:
		t.Errorf("a request to %s", m.target)
	}
}

func readKeel(t *testing.T, m received) {
	v := read[struct{ Name, Tag, Digest string }](t, m)
	user, password, _ := m.r.BasicAuth()
	if m.r.URL.Path != "/v1/webhooks/native" || v.Name != pushedImage || v.Tag != "v1" || v.Digest != pushedDigest ||
		user != "admin" || password != "the-KEEL_PASSWORD" {
		t.Errorf("%s %v %+v", m.r.URL, m.r.Header, v)
	}
}

func readImageUpdater(t *testing.T, m received) {
	v := read[struct {
		Type      string `json:"type"`
		OccurAt   int64  `json:"occur_at"`
		Operator  string `json:"operator"`
		EventData struct {
			Resources []struct {
				Digest      string `json:"digest"`
				Tag         string `json:"tag"`
				ResourceURL string `json:"resource_url"`
			} `json:"resources"`
			Repository struct {
				RepoFullName string `json:"repo_full_name"`
			} `json:"repository"`
		} `json:"event_data"`
	}](t, m)
	if m.r.URL.String() != "/webhook?type=harbor" || !strings.Contains(m.r.Header.Get("Content-Type"), "application/json") ||
		m.r.Header.Get("Authorization") != "the-IMAGE_UPDATER_SECRET" || v.Type != "PUSH_ARTIFACT" || len(v.EventData.Resources) != 1 {
		t.Fatalf("%s %v %+v", m.r.URL, m.r.Header, v)
	}
	r := v.EventData.Resources[0]
	if r.Tag != "v1" || r.Digest != pushedDigest || r.ResourceURL != pushedImage+":v1" || v.EventData.Repository.RepoFullName != "team/app" {
		t.Errorf("%+v", v)
	}
}

func readJenkins(t *testing.T, m received) {
	// What the JSONPaths of the example's comment find.
	v := read[struct {
		Repository struct {
			FullName string `json:"full_name"`
		} `json:"repository"`
		Artifact struct {
			Tags   []string `json:"tags"`
			Digest string   `json:"digest"`
		} `json:"artifact"`
	}](t, m)
	if m.r.URL.Path != "/generic-webhook-trigger/invoke" || m.r.Header.Get("Authorization") != "Bearer the-JENKINS_TOKEN" ||
		v.Repository.FullName != "team/app" || !slices.Equal(v.Artifact.Tags, []string{"v1"}) || v.Artifact.Digest != pushedDigest {
		t.Errorf("%s %v %+v", m.r.URL, m.r.Header, v)
	}
}

func readGitLab(t *testing.T, m received) {
	v := read[map[string]map[string]string](t, m)
	want := map[string]map[string]string{"variables": {"IMAGE": pushedImage, "TAG": "v1", "DIGEST": pushedDigest}}
	if diff := cmp.Diff(want, v); diff != "" || m.r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%v %s", m.r.Header, diff)
	}
}

func readGitHub(t *testing.T, m received) {
	v := read[struct {
		EventType     string         `json:"event_type"`
		ClientPayload map[string]any `json:"client_payload"`
	}](t, m)
	if m.r.URL.Path != "/repos/OWNER/REPOSITORY/dispatches" || m.r.Header.Get("Authorization") != "Bearer the-GITHUB_TOKEN" ||
		m.r.UserAgent() == "" {
		t.Errorf("%s %v", m.r.URL, m.r.Header)
	}
	if v.EventType == "" || len(v.EventType) > 100 || len(v.ClientPayload) > 10 || v.ClientPayload["image"] != pushedImage ||
		v.ClientPayload["tag"] != "v1" || v.ClientPayload["digest"] != pushedDigest {
		t.Errorf("%+v", v)
	}
}

var (
	exampleHost = regexp.MustCompile(`https://(api\.github\.com|[a-z-]+\.example\.com)/`)
	exampleEnv  = regexp.MustCompile(`\{env: ([A-Z_]+)\}`)
)

// Each example is good, and what it makes of a push has what its receiver reads.
func TestReceivers(t *testing.T) {
	files, err := filepath.Glob("../../examples/receivers/*.yml")
	if err != nil || len(files) != len(receivers()) {
		t.Fatalf("%v, %v, want one for each of %d receivers", files, err, len(receivers()))
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			reads, ok := receivers()[name]
			if !ok {
				t.Fatal("nothing says what it reads")
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			requests := make(chan received, 10)
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				requests <- received{r.URL.Path, r, body}
			}))
			defer server.Close()
			for _, m := range exampleEnv.FindAllStringSubmatch(string(b), -1) {
				value := "the-" + m[1]
				if strings.HasSuffix(m[1], "_URL") {
					value = server.URL + "/" + m[1]
				}
				t.Setenv(m[1], value)
			}
			out, err := check(t, file)
			if err != nil || !strings.HasPrefix(out, file+": good: ") || strings.Count(out, "\n") != 1 {
				t.Fatalf("%v\n%s", err, out)
			}

			runtimeDir(t)
			text := exampleHost.ReplaceAllString(string(b), server.URL+"/")
			mine, _ := write(t, "listen: 127.0.0.1:0\nadmin: {listen: 127.0.0.1:0}\nstore: DIR/b.db\n"+text)
			l := start(t, mine)
			id := l.notify("hub", push(t, "one"))[0]
			var tr trace
			l.until("all is delivered", func() bool {
				l.get("/api/v1/events/"+id, &tr)
				for _, d := range tr.Deliveries {
					if d.State != "delivered" {
						return false
					}
				}
				return len(tr.Deliveries) > 0
			})
			if err := l.stop(); err != nil {
				t.Error(err)
			}
			if n := strings.Count(text, "type: webhook"); len(tr.Deliveries) != n || len(requests) != n {
				t.Errorf("%d deliveries, %d requests, want %d", len(tr.Deliveries), len(requests), n)
			}
			close(requests)
			for m := range requests {
				if m.r.Method != http.MethodPost {
					t.Error(fmt.Sprint(m.r.Method, m.r.URL))
				}
				reads(t, m)
			}
		})
	}
}
