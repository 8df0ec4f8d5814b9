package receiver_test

import (
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/bellbuoy/bellbuoy/integration/receiver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestReceiver(t *testing.T) {
	r, err := receiver.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Down()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	post := func(body string) (int, error) {
		res, err := client.Post(r.URL(), "application/json", strings.NewReader(body))
		if err != nil {
			return 0, err
		}
		return res.StatusCode, res.Body.Close()
	}
	if status, err := post("one"); status != http.StatusOK || err != nil {
		t.Errorf("post to a fresh receiver: %d, %v", status, err)
	}
	r.Answer(func(a receiver.Arrival) int {
		if string(a.Body) == "two" {
			return http.StatusServiceUnavailable
		}
		return http.StatusNoContent
	})
	if status, err := post("two"); status != http.StatusServiceUnavailable || err != nil {
		t.Errorf("post what is to fail: %d, %v", status, err)
	}
	r.Down()
	if _, err := post("three"); err == nil {
		t.Error("a receiver that is down answered")
	}
	if err := r.Up(); err != nil {
		t.Fatal(err)
	}
	if status, err := post("four"); status != http.StatusNoContent || err != nil {
		t.Errorf("post after it came back: %d, %v", status, err)
	}
	var got []string
	for _, a := range r.Arrivals() {
		got = append(got, string(a.Body)+" "+http.StatusText(a.Status))
	}
	if want := "one OK, two Service Unavailable, four No Content"; strings.Join(got, ", ") != want {
		t.Errorf("arrived: %q, want %s", got, want)
	}
}
