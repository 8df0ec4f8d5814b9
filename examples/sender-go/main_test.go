package main

import (
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin/plugintest"
)

func TestContract(t *testing.T) {
	plugintest.Run(t, ntfy(), plugintest.Target{Options: `{"url":"{server}","topic":"builds","token":"tk_s3cret-of-ntfy"}`})
}
