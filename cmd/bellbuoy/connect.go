package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bellbuoy/bellbuoy/internal/app"
)

func newConnect(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "connect",
		GroupID: groupSidecar,
		Short:   "Print or make what a registry needs to post to bellbuoy",
		Long: `Print what a registry of the config, or of a bellbuoy without one, must be given so
that it posts here, ready to paste: for Distribution a part of its config.yml, for
Harbor a webhook policy, for Quay its notifications; for these two also as a shell
script for their APIs. Then nothing is changed, and no registry is asked.

Or make it: with credentials through Harbor's or Quay's API, for Distribution in its
file. What is there already stays, what differs is put right; --dry-run only says what
would be done, --remove takes away what was made, --watch goes on with it for what is
new.

Exit status: 0 done; 1 some failed, all were tried; 2 wrong use or wrong config;
3 there is nothing to make it for.`,
		Example: `  bellbuoy connect distribution
  bellbuoy connect harbor --registry hub --url http://bellbuoy.example.com:5080
  bellbuoy connect quay --url http://bellbuoy:5080 --show-secrets
  bellbuoy connect distribution --file /etc/distribution/config.yml --dry-run`,
		DisableFlagsInUseLine: true,
		Args:                  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			types := strings.Join(app.ConnectTypes(), ", ")
			if len(args) == 0 {
				return wrongUse(cmd, "want the TYPE of a registry: there are %s", types)
			}
			return wrongUse(cmd, "nothing is known of connecting a registry of type %q: there are %s", args[0], types)
		},
	}
	for _, typ := range app.ConnectTypes() {
		cmd.AddCommand(newConnectTo(env, typ))
	}
	return cmd
}

// newConnectTo is connect for one type of registry.
func newConnectTo(env environment, typ string) *cobra.Command {
	text := connectTexts[typ]
	cmd := &cobra.Command{Use: typ, Short: text.short, Long: text.long, Example: text.example, Args: noArgs}
	files := &fileFlags{}
	files.addConfig(cmd)
	m := addMaking(cmd, env, typ)
	flags := cmd.Flags()
	flags.StringVar(&m.Registry, "registry", "", "`NAME` of the registry in the config (default the one of that type)")
	flags.StringVar(&m.URL, "url", "", "`URL` of bellbuoy as the registry reaches it (default where the config listens)")
	flags.BoolVar(&m.ShowSecrets, "show-secrets", false, "print secrets, and no placeholder for them")
	switch typ {
	case "harbor":
		flags.BoolVar(&m.Plain, "default-format", false, "have Harbor send its default format, not CloudEvents")
	case "quay":
		flags.BoolVar(&m.Template, "template", false, "have the body name its event, not the URL")
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		m.Files = files.Files
		var err error
		if m.asked(cmd) {
			err = m.run(cmd)
		} else {
			err = app.Connect(cmd.Context(), m.Connection, env.stdout)
		}
		if wrong, ok := errors.AsType[*app.WrongUse](err); ok {
			return wrongUse(cmd, "%w", wrong)
		}
		return err
	}
	return cmd
}

// connectTexts are the help of connect for each type.
var connectTexts = map[string]struct{ short, long, example string }{
	"distribution": {"Print an endpoint for Distribution's config.yml, or put it there",
		`Print the part of config.yml that has a Distribution registry post to bellbuoy; or put
it into --file. There only the lines of the endpoint that is called --name are touched,
and what has the registry send references is added; all else stays as it is, byte for
byte. The file keeps its mode and owner, and a copy of the old one lies beside it.
Where the file is written so that this cannot be done safely, it stays as it is, and
the part is printed. The registry reads its file at its start only.`,
		`  bellbuoy connect distribution --url http://bellbuoy:5080
  bellbuoy connect distribution --file /etc/distribution/config.yml --dry-run
  bellbuoy connect distribution --file /etc/distribution/config.yml
  bellbuoy connect distribution --file /etc/distribution/config.yml --remove`},
	"harbor": {"Print a webhook policy for Harbor, or make it",
		`Print a webhook policy for Harbor; or make it in each --project, or with --all in all
that there are, through its API at --api. A policy that is called --name is put right
where it differs; others, its description and targets of others in it stay.

The account is a robot with the rights create, read, update, delete and list of
notification-policy, for --all a system robot with list of project in the system too;
or a user who administers the projects. Its password is read from --password-file or
$BELLBUOY_HARBOR_PASSWORD, for each request anew.

Harbor has no event for a new project: --watch looks --every so often for new ones, and
puts right what was changed, until SIGTERM. It goes on over errors, and says each once.`,
		`  bellbuoy connect harbor --url http://bellbuoy:5080
  bellbuoy connect harbor --url http://bellbuoy:5080 --api https://harbor.example.com --username 'robot$bellbuoy' --password-file robot.secret --project library --dry-run
  bellbuoy connect harbor --url http://bellbuoy:5080 --api https://harbor.example.com --username 'robot$bellbuoy' --password-file robot.secret --all --watch`},
	"quay": {"Print notifications for Quay, or make them",
		`Print notifications for Quay; or make them through its API at --api, one for each event
in each --repository, or in all repositories of each --organization, where those of
quotas are made too. Ours are known by their URL, or by their title, --name. Quay
cannot change a notification: one that differs is made anew, with its filter. One that
Quay has switched off after failures is switched on again.

The token is one of an OAuth application with the scope repo:admin (for quotas org:admin
too), read from --token-file or $BELLBUOY_QUAY_TOKEN, for each request anew.

Quay has no event for a new repository: --watch looks --every so often for new ones, and
puts right what was changed, until SIGTERM. It goes on over errors, and says each once.`,
		`  bellbuoy connect quay --url http://bellbuoy:5080
  bellbuoy connect quay --url http://bellbuoy:5080 --api https://quay.example.com --token-file quay.token --repository team/app --dry-run
  bellbuoy connect quay --url http://bellbuoy:5080 --api https://quay.example.com --token-file quay.token --organization team --watch`},
}
