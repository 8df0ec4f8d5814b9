package config

import "time"

// Default returns the configuration of a bellbuoy that was given none: it listens
// on loopback, takes what registries of Distribution, Harbor and Quay post to /in/ and
// their type, stores all of it, and delivers it to the inbox of whoever runs it, but for
// pulls, inspections and blobs, which are so many that nobody would find the rest.
func Default() *Config {
	c := defaults()
	c.Keep = []string{
		"artifact.pulled", "artifact.inspected", "chart.pulled",
		"blob.pushed", "blob.pulled", "blob.mounted", "blob.deleted",
	}
	for _, t := range []string{"distribution", "harbor", "quay"} {
		c.Registries = append(c.Registries, Registry{Name: t, Type: t})
	}
	inbox := defaultTarget()
	inbox.Name, inbox.Type, inbox.Options = "inbox", "inbox", []byte(`{"kind":"user","name":"operator"}`)
	everything := defaultRule()
	everything.Name, everything.Description = "everything", "all that is not a pull, an inspection or a blob"
	everything.Events, everything.Deliver = []string{"*", "unknown", "bellbuoy.*"}, []Deliver{{Target: inbox.Name}}
	c.Targets, c.Rules = []Target{inbox}, []Rule{everything}
	return &c
}

// defaults is what a file's settings are laid over.
func defaults() Config {
	return Config{
		Listen:    "127.0.0.1:5080",
		Admin:     Admin{Listen: "127.0.0.1:5081"},
		Metrics:   "token",
		Store:     "./bellbuoy.db",
		Retention: Retention{Age: Duration(72 * time.Hour), Size: 2 << 30},
	}
}

func defaultTarget() Target {
	return Target{
		Options: []byte("{}"),
		Hold:    Duration(5 * time.Minute),
		Timeout: Duration(15 * time.Second),
		Retry: Retry{
			Schedule: []Duration{
				0,
				Duration(5 * time.Second),
				Duration(30 * time.Second),
				Duration(2 * time.Minute),
				Duration(10 * time.Minute),
				Duration(30 * time.Minute),
				Duration(1 * time.Hour),
				Duration(2 * time.Hour),
				Duration(4 * time.Hour),
				Duration(8 * time.Hour),
			},
			GiveUpAfter: Duration(72 * time.Hour),
		},
		ParkFor: Duration(30 * 24 * time.Hour),
		Mode:    "live",
	}
}

func defaultRule() Rule { return Rule{Enabled: true} }

func defaultOIDC() OIDC { return OIDC{Scopes: []string{"profile", "email"}, GroupsClaim: "groups"} }
