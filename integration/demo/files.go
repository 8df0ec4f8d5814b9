package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/distribution/distribution/v3/configuration"
	"gopkg.in/yaml.v3"

	"github.com/bellbuoy/bellbuoy/integration/loopback"
	"github.com/bellbuoy/bellbuoy/integration/sidecar"
)

// bellbuoyFile copies bellbuoy's example to dir with the addresses of this run and
// its store in dir. token is the environment variable that the example asks for,
// with what the registry's endpoint sends.
func bellbuoyFile(path, dir, target string, endpoint *configuration.Endpoint) (c sidecar.Config, token string, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return c, "", fmt.Errorf("read the example: %w", err)
	}
	var as struct { // the example as it stands
		Registries []struct {
			Auth struct {
				Bearer struct{ Env string }
			}
		}
		Listen  string
		Admin   struct{ Listen string }
		Store   string
		Targets []struct{ Options struct{ URL string } }
	}
	if err := yaml.Unmarshal(b, &as); err != nil {
		return c, "", fmt.Errorf("read the example %s: %w", path, err)
	}
	if len(as.Registries) != 1 || len(as.Targets) != 1 {
		return c, "", fmt.Errorf("the example %s has not one registry and one target", path)
	}
	bearer, ok := strings.CutPrefix(endpoint.Headers.Get("Authorization"), "Bearer ")
	if !ok {
		return c, "", fmt.Errorf("the endpoint %s sends no bearer token", endpoint.Name)
	}

	c.Path, c.Store = filepath.Join(dir, "bellbuoy.yml"), filepath.Join(dir, "bellbuoy.db")
	if c.Listen, err = loopback.Address(); err != nil {
		return c, "", err
	}
	if c.Admin, err = loopback.Address(); err != nil {
		return c, "", err
	}
	text := strings.NewReplacer(
		as.Listen, c.Listen,
		as.Admin.Listen, c.Admin,
		as.Store, c.Store,
		as.Targets[0].Options.URL, target,
	).Replace(string(b))
	if err := os.WriteFile(c.Path, []byte(text), 0o600); err != nil {
		return c, "", fmt.Errorf("write the example with the addresses of this run: %w", err)
	}
	return c, as.Registries[0].Auth.Bearer.Env + "=" + bearer, nil
}
