package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker in releases: -ldflags "-X main.version=1.2.3".
var version string

// build says which bellbuoy this is.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"` // of the source, where it was built in a checkout
	Modified bool   `json:"modified,omitempty"` // the checkout had changes of its own
	Time     string `json:"time,omitempty"`     // of the revision
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// readBuild reads what the linker and the go command left in the binary.
func readBuild() build {
	b := build{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "(devel)" {
			b.Version = cmp.Or(b.Version, info.Main.Version)
		}
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.Revision = s.Value
			case "vcs.time":
				b.Time = s.Value
			case "vcs.modified":
				b.Modified = s.Value == "true"
			}
		}
	}
	b.Version = cmp.Or(b.Version, "devel")
	return b
}

func newVersion(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "version",
		GroupID: groupOther,
		Short:   "Say which bellbuoy this is",
		Example: `  bellbuoy version -o json`,
		Args:    noArgs,
	}
	format := addOutput(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		b := readBuild()
		if *format == outputJSON {
			return printJSON(env.stdout, b)
		}
		_, err := fmt.Fprintf(env.stdout, "bellbuoy %s (%s, %s)\n", b.Version, b.Go, b.Platform)
		return err
	}
	return cmd
}
