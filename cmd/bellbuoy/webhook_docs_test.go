package main

import (
	"os"
	"testing"
)

// The configuration that the page of webhooks begins with is a good one.
func TestConfigOfTheWebhookPage(t *testing.T) {
	b, err := os.ReadFile(root + "/docs/targets/webhook.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	t.Setenv("CI_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err := os.WriteFile("bellbuoy.yml", []byte(yamlBlock.FindStringSubmatch(string(b))[1]), 0o600); err != nil {
		t.Fatal(err)
	}
	got := bellbuoy(t, "", "check")
	if got != (result{exitDone, "bellbuoy.yml: good: 1 registry, 1 target, 1 rule\n", ""}) {
		t.Errorf("got %+v", got)
	}
}
