package app

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/connect"
)

// Every other list of registry types agrees with the table.
func TestListsOfRegistryTypes(t *testing.T) {
	types := RegistryTypes()
	same := func(what string, got []string) {
		t.Helper()
		if slices.Sort(got); !slices.Equal(got, types) {
			t.Errorf("%s: %v, want all of %v", what, got, types)
		}
	}
	var families []string
	for _, f := range []adapters.Family{
		adapters.Distribution, adapters.Harbor, adapters.Quay, adapters.ACR, adapters.ACRPersonal, adapters.TCR, adapters.CloudEvents,
	} {
		families = append(families, string(f))
	}
	same("families of notifications", families)

	page, err := os.ReadFile("../../docs/registries.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|").FindAllSubmatch(page, -1) {
		rows = append(rows, string(m[1]))
	}
	same("docs/registries.md", rows)

	golden, err := os.ReadDir("../../translator/testdata")
	if err != nil {
		t.Fatal(err)
	}
	var tested []string
	for _, d := range golden {
		if name := d.Name(); d.IsDir() && name != "fuzz" && name != "manifest" && name != "events" {
			tested = append(tested, name)
		}
	}
	same("the translator's golden files", tested)
}

// The types that a bellbuoy without a configuration hears are those that it can be
// connected to, and connect knows each of them and no other.
func TestListsOfConnectTypes(t *testing.T) {
	connectable := ConnectTypes()
	for _, r := range config.Default().Registries {
		if !slices.Contains(connectable, r.Type) {
			t.Errorf("nothing is printed to connect %s, which is there without a configuration", r.Type)
		}
	}
	if n := len(config.Default().Registries); n != len(connectable) {
		t.Errorf("%d registries are there without a configuration, want %v", n, connectable)
	}
	for _, typ := range RegistryTypes() {
		err := connect.Write(new(strings.Builder), connect.Options{Registry: config.Registry{Name: "hub", Type: typ}, URL: "http://bellbuoy:5080"})
		if known := err == nil; known != slices.Contains(connectable, typ) {
			t.Errorf("connect %s: %v; it is listed: %t", typ, err, !known)
		}
	}
	for _, typ := range connectable {
		if !slices.Contains(RegistryTypes(), typ) {
			t.Errorf("%s can be connected and is no registry type", typ)
		}
	}
}

// A registry that can be asked is one whose answers are understood.
func TestLookupsAreWhole(t *testing.T) {
	for name, typ := range registryTypes() {
		if (typ.lookup == nil) != (typ.enrich == nil) || typ.adapter == nil || typ.translate == nil {
			t.Errorf("%s: %+v is half a registry type", name, typ)
		}
	}
}
