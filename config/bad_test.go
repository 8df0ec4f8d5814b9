package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var known = Known{
	RegistryTypes: []string{"distribution"},
	TargetTypes:   []string{"webhook", "inbox"},
	EventTypes:    []string{"artifact.pushed", "artifact.pulled", "blob.pulled"},
	Nouns:         []string{"events", "rules", "targets"},
}

// parse reads a configuration as if it stood in a file named bb.yml of dir, and
// returns its faults as they are printed, without the name of the file.
func parse(t *testing.T, dir, text string) (*Config, []string) {
	t.Helper()
	file := filepath.Join(dir, "bb.yml")
	c, faults := Parse(file, []byte(text), known)
	var lines []string
	for _, f := range faults {
		line, ok := strings.CutPrefix(f.String(), file+":")
		if !ok {
			t.Errorf("fault %q does not begin with the file's name", f)
		}
		lines = append(lines, strings.ReplaceAll(line, dir, "DIR"))
	}
	return c, lines
}

const (
	registry = "registries: [{name: hub, type: distribution}]\n"
	target   = "targets: [{name: ci, type: webhook}]\n"
)

// target1 is a target with these keys, on the second line.
func target1(keys string) string { return "targets:\n- {name: ci, type: webhook, " + keys + "}\n" }

// BadConfig is a configuration in which something is wrong.
type BadConfig struct {
	Name, Text string
	Faults     []string // as parse returns them
}

// badConfigs are those of one kind of fault each.
func badConfigs() []BadConfig {
	bearer := func(secret string) string {
		return "registries: [{name: hub, type: distribution, auth: {bearer: " + secret + "}}]\n"
	}
	options := func(options string) string {
		return "targets:\n- name: ci\n  type: webhook\n  options: " + options + "\n"
	}
	of := func(target string) string { return "targets: [{name: ci, type: webhook, " + target + "}]\n" }
	sha := strings.Repeat("0a", 32)
	rule := func(rule string) string { return registry + target + "rules: [{" + rule + "}]\n" }

	return []BadConfig{
		{"empty", "", []string{` is empty: write at least "registries:", or run bellbuoy without a configuration`}},
		{"only comments", "# nothing\n", []string{` is empty: write at least "registries:", or run bellbuoy without a configuration`}},
		{"no keys", "- a\n", []string{`1: wants keys and values, found a list: write "key: value"`}},
		{"text", "hello\n", []string{`1: wants keys and values, found text: write "key: value"`}},
		{"second document", registry + "---\nlisten: x\n", []string{`2: a second document begins here: only one is read, so move all of it into the first and remove the "---"`}},
		{"bad second document", registry + "---\na: [\n", []string{`3: is no YAML: did not find expected node content: correct the YAML about here`}},
		{"no YAML", "listen: 127.0.0.1:5080\nstore: a: b\n", []string{`2: is no YAML: mapping values are not allowed in this context: correct the YAML about here`}},
		{"no YAML in the first line", "a: b: c\n", []string{`1: is no YAML: mapping values are not allowed in this context: correct the YAML about here`}},
		{"tab", "admin:\n\tlisten: x\n", []string{`2: is no YAML: found character that cannot start any token: indent with blanks and not with tabs, and put a value that begins with @, ` + "`" + ` or % in quotes`}},

		{"unknown key", "lisen: 127.0.0.1:5080\n", []string{`1: lisen: unknown key: did you mean "listen"?`}},
		{"key of a later bellbuoy", "weather: {}\n", []string{`1: weather: unknown key: there are listen, tls, admin, metrics, store, secrets, retention, keep, egress, mail, plugins, people, registries, targets and rules`}},
		{"keys that are none", "secrets:\n  key: \"c2hvcnQ=\"\n  old: [\"c2hvcnQ=\", \"\", {env: BELLBUOY_NONE}]\n", []string{
			`2: secrets.key: warning: the secret stands in this file, for all who can read it: write {env: NAME} or {file: PATH}`,
			`2: secrets.key: is no key: write 32 random bytes in base64, as "openssl rand -base64 32" makes them`,
			`3: secrets.old[0]: warning: the secret stands in this file, for all who can read it: write {env: NAME} or {file: PATH}`,
			`3: secrets.old[1]: is empty: write {env: NAME} or {file: PATH}`,
			`3: secrets.old[2]: environment variable BELLBUOY_NONE is not set: set it where bellbuoy is started`,
			`3: secrets.old[0]: is no key: write 32 random bytes in base64, as "openssl rand -base64 32" makes them`,
		}},
		{"networks that are none", "egress:\n  allow:\n  - 10.0.0.1/8\n  - 10.0.0.1\n  - ten\n  - fd00::/8\n  - fd00::1\n  - 10.0.0.0/33\n  - \"\"\n  - 5\n", []string{
			`3: egress.allow[0]: "10.0.0.1/8" has bits of an address behind those of the network: write 10.0.0.0/8`,
			`4: egress.allow[1]: "10.0.0.1" is an address and no network: write 10.0.0.1/32`,
			`5: egress.allow[2]: "ten" is no network: write ADDRESS/BITS, such as 10.0.0.0/8`,
			`7: egress.allow[4]: "fd00::1" is an address and no network: write fd00::1/128`,
			`8: egress.allow[5]: "10.0.0.0/33" is no network: write ADDRESS/BITS, such as 10.0.0.0/8`,
			`9: egress.allow[6]: is empty: give it a value or remove the key`,
			`10: egress.allow[7]: wants text, found the number 5: put it in quotes, "5"`,
		}},
		{"people", "people:\n  teams: [alice]\n  organizations:\n    acme: alice\n    \"\": [bob]\n    \" x\": [bob]\n    other: [bob, \"a\\nb\", 5, \"\"]\n    other: []\n  users: {}\n", []string{
			`2: people.teams: wants keys and values, found a list: write "key: value"`,
			`4: people.organizations.acme: wants a list, found text: put it in brackets, [alice]`,
			`5: people.organizations: "" is no name: write one line of at most 200 bytes, without blanks around it`,
			`6: people.organizations: " x" is no name: write one line of at most 200 bytes, without blanks around it`,
			`7: people.organizations.other[2]: wants text, found the number 5: put it in quotes, "5"`,
			`7: people.organizations.other[3]: is empty: give it a value or remove the key`,
			`7: people.organizations.other[1]: is no name: write one line of at most 200 bytes, without blanks around it`,
			`8: people.organizations.other: is given twice, first in line 7: remove one`,
			`9: people.users: unknown key: there are teams and organizations`,
		}},
		{"words of a closed list", "metrics: opne\n" + target1("mode: shadwo"), []string{
			`1: metrics: unknown word "opne": did you mean "open"?`,
			`3: targets[0].mode: unknown mode "shadwo": did you mean "shadow"?`,
		}},
		{"sizes and rates", "retention: {age: 1s, size: 5}\n" + target1("rate: 20, digest: {after: -1}, park_for: 1s, disable_after: -1"), []string{
			`1: retention.size: 5 has no unit: write 5MiB or 5GiB`,
			`1: retention.age: 1s is out of range: write 1m to 87600h`,
			`3: targets[0].rate: "20" is no rate: write sends/time, such as 20/1m, or 0 for no limit`,
			`3: targets[0].park_for: 1s is out of range: write 1m to 87600h`,
			`3: targets[0].digest.after: -1 is out of range: write 1 to 1000000, or 0 for no digests`,
			`3: targets[0].disable_after: -1 is out of range: write 1 to 1000000, or 0 so that it never is`,
		}},
		{"a small store and fast rates", "retention: {size: 1MiB}\n" + target1("rate: 20/10ms"), []string{
			`1: retention.size: 1MiB is too small: write 64MiB or more`,
			`3: targets[0].rate: 10ms is out of range: write 1s to 24h`,
		}},
		{"a rate of a strange time", target1("rate: 5/soon"), []string{`2: targets[0].rate: "5/soon" is no rate: "soon" is no length of time: write it like 5s, 10m, 72h or 3d`}},
		{"unknown key below", "admin: {\n  lsten: x}\n", []string{`2: admin.lsten: unknown key: did you mean "listen"?`}},
		{"only one key", "targets: [{name: ci, type: webhook, digest: {x: 1, after: 1}}]\n", []string{`1: targets[0].digest.x: unknown key: there is only after`}},
		{"key in capitals", "Listen: x\n", []string{`1: Listen: unknown key: did you mean "listen"?`}},
		{"near a required key", "registries: [{nmae: hub, type: distribution}]\n", []string{`1: registries[0].nmae: unknown key: did you mean "name"?`}},
		{"duplicate key", "store: a\nkeep: []\nstore: b\n", []string{`3: store: is given twice, first in line 1: remove one`}},
		{"duplicate key below", "admin:\n  listen: 127.0.0.1:1\n  listen: 127.0.0.1:2\n", []string{`3: admin.listen: is given twice, first in line 2: remove one`}},
		{"key that is no text", "[a]: b\n", []string{`1: has a key that is no text: put the key in quotes`}},
		{"no key", "~: b\n", []string{`1: has a key that is no text: put the key in quotes`}},

		{"number for text", "store: 5\n", []string{`1: store: wants text, found the number 5: put it in quotes, "5"`}},
		{"word for text", "store: true\n", []string{`1: store: wants text, found the word true: put it in quotes, "true"`}},
		{"date for text", "store: 2026-01-01\n", []string{`1: store: wants text, found the date 2026-01-01: put it in quotes, "2026-01-01"`}},
		{"list for text", "store: [a]\n", []string{`1: store: wants text, found a list: write one value`}},
		{"binary for text", "store: !!binary aGk=\n", []string{`1: store: wants text, found the type !!binary aGk=: put it in quotes, "aGk="`}},
		{"keys for text", "store: {a: b}\n", []string{`1: store: wants text, found keys and values: write one value`}},
		{"text for list", "keep: blob.pulled\n", []string{`1: keep: wants a list, found text: put it in brackets, [blob.pulled]`}},
		{"keys for list", "targets: {ci: {type: webhook}}\n", []string{`1: targets: wants a list, found keys and values: begin each item with "- "`}},
		{"text for keys", "admin: 127.0.0.1:5081\n", []string{`1: admin: wants keys and values, found text: write "key: value"`}},
		{"nothing", "store:\nadmin:\n", []string{`1: store: is empty: give it a value or remove the key`, `2: admin: is empty: give it a value or remove the key`}},
		{"empty text", `store: ""`, []string{`1: store: is empty: give it a value or remove the key`}},
		{"nothing in a list", "keep: [blob.pulled, ]\nregistries:\n-\n", []string{`3: registries[0]: is empty: give it a value or remove the key`}},
		{"bool", rule("name: a, deliver: [ci], enabled: yes"), []string{`3: rules[0].enabled: wants true or false, found "yes": write one of the two`}},
		{"list for bool", rule("name: a, deliver: [ci], enabled: []"), []string{`3: rules[0].enabled: wants true or false, found a list: write one value`}},
		{"whole number", of(`concurrency: "4"`), []string{`1: targets[0].concurrency: wants a whole number, found "4": write it in digits, without quotes`}},
		{"number that is not whole", of(`concurrency: 1.5`), []string{`1: targets[0].concurrency: wants a whole number, found "1.5": write it in digits, without quotes`}},
		{"number too large", of(`concurrency: 18446744073709551615`), []string{`1: targets[0].concurrency: wants a whole number, found "18446744073709551615": write it in digits, without quotes`}},

		{"missing keys", "registries: [{}]\ntargets: [{}]\nrules: [{}]\n", []string{
			`1: registries[0].name: is missing: add it, for example "name: hub"`,
			`1: registries[0].type: is missing: add it, for example "type: distribution"`,
			`2: targets[0].name: is missing: add it, for example "name: ci"`,
			`2: targets[0].type: is missing: add it, for example "type: webhook"`,
			`3: rules[0].name: is missing: add it, for example "name: all-pushes"`,
			`3: rules[0].deliver: is missing: add it, for example "deliver: [ci]"`,
		}},
		{"missing keys below", rule("name: a, tag: {}, deliver: [{}]"), []string{
			`3: rules[0].deliver[0].target: is missing: add it, for example "target: ci"`,
		}},
		{"a condition left empty", registry + target + "rules:\n- name: a\n  tag:\n  scope: {registries: }\n  deliver: [ci]\n", []string{
			`5: rules[0].tag: is empty: give it a value or remove the key`,
			`6: rules[0].scope.registries: is empty: give it a value or remove the key`,
		}},

		{"duration without unit", of("hold: 5"), []string{`1: targets[0].hold: 5 has no unit: write 5s, 5m, 5h or 5d`}},
		{"bad duration", of("hold: 5 minutes"), []string{`1: targets[0].hold: "5 minutes" is no length of time: write it like 5s, 10m, 72h or 3d`}},
		{"bad days", of("hold: xd"), []string{`1: targets[0].hold: "xd" is no length of time: write it like 5s, 10m, 72h or 3d`}},
		{"days behind hours", of("hold: 1h2d"), []string{`1: targets[0].hold: "1h2d" is no length of time: write it like 5s, 10m, 72h or 3d`}},
		{"negative duration", of("hold: -5s"), []string{`1: targets[0].hold: "-5s" is negative: write a time of 0s or more`}},
		{"negative days", of("hold: -1d30h"), []string{`1: targets[0].hold: "-1d30h" is negative: write a time of 0s or more`}},
		{"endless duration", of("hold: 200000d"), []string{`1: targets[0].hold: "200000d" is longer than 292 years: write a shorter time`}},
		{"endless sum", of("hold: 106751d23h59m"), []string{`1: targets[0].hold: "106751d23h59m" is longer than 292 years: write a shorter time`}},
		{"list for duration", of("hold: [5s]"), []string{`1: targets[0].hold: wants a length of time, found a list: write one value`}},

		{"hold too long", of("hold: 31d"), []string{`1: targets[0].hold: 744h is out of range: write 0s to 720h`}},
		{"timeout too short", of("timeout: 999ms"), []string{`1: targets[0].timeout: 999ms is out of range: write 1s to 1m`}},
		{"timeout too long", of("timeout: 61s"), []string{`1: targets[0].timeout: 1m1s is out of range: write 1s to 1m`}},
		{"give up at once", of("retry: {give_up_after: 0s}"), []string{`1: targets[0].retry.give_up_after: 0s is out of range: write 1s to 720h`}},
		{"no schedule", of("retry: {schedule: []}"), []string{`1: targets[0].retry.schedule: has 0 delays: write 1 to 100, the last repeats`}},
		{"long schedule", of("retry: {schedule: [" + strings.Repeat("1s,", 101) + "]}"), []string{`1: targets[0].retry.schedule: has 101 delays: write 1 to 100, the last repeats`}},
		{"long delay", of("retry: {schedule: [0s, 25h, 1h]}"), []string{`1: targets[0].retry.schedule[1]: 25h is out of range: write 0s to 24h`}},
		{"restless schedule", of("retry: {schedule: [5s, 0s]}"), []string{`1: targets[0].retry.schedule[1]: 0s is out of range: write 10ms to 24h`}},
		{"concurrency", of("concurrency: -1"), []string{`1: targets[0].concurrency: -1 is out of range: write 1 to 1000, or 0 for what suits the target's type`}},
		{"order", of("order: repo"), []string{`1: targets[0].order: unknown order "repo": there are repository and none`}},

		{"bad name", "registries: [{name: Hub, type: distribution}]\ntargets: [{name: -ci, type: webhook}]\n", []string{
			`1: registries[0].name: "Hub" is no name: use a to z, 0 to 9, ".", "_" and "-", and begin with a letter or digit`,
			`2: targets[0].name: "-ci" is no name: use a to z, 0 to 9, ".", "_" and "-", and begin with a letter or digit`,
		}},
		{"name of a rule with a line break", rule(`name: "a\n", deliver: [ci]`), []string{`3: rules[0].name: "a\n" is no name: use a to z, 0 to 9, ".", "_" and "-", and begin with a letter or digit`}},
		{"duplicate names", "targets:\n- {name: ci, type: webhook}\n- {name: b, type: webhook}\n- {name: ci, type: webhook}\n", []string{
			`4: targets[2].name: "ci" is the name of targets[0] too, in line 2: give one of them another`,
		}},
		{"unknown target", rule("name: a, deliver: [ic]"), []string{`3: rules[0].deliver[0]: unknown target "ic": did you mean "ci"?`}},
		{"unknown target, none near", rule("name: a, deliver: [{target: chat}]"), []string{`3: rules[0].deliver[0]: unknown target "chat": there is only ci`}},
		{"unknown target, none at all", "rules: [{name: a, deliver: [ci]}]\n", []string{`1: rules[0].deliver[0]: unknown target "ci": there is none yet`}},
		{"no target", rule("name: a, deliver: []"), []string{`3: rules[0].deliver: names no target: name at least one, or remove the rule`}},
		{"target as text", rule("name: a, deliver: ci"), []string{`3: rules[0].deliver: wants a list, found text: put it in brackets, [ci]`}},
		{"target twice", rule("name: a, deliver: [ci, ci]"), []string{`3: rules[0].deliver[1]: warning: "ci" is named twice: each event is delivered to it once`}},
		{"unknown registry", rule("name: a, deliver: [ci], scope: {registries: [hup]}"), []string{`3: rules[0].scope.registries[0]: unknown registry "hup": did you mean "hub"?`}},
		{"registry named as our own", "registries: [{name: bellbuoy, type: distribution}]\n", []string{`1: registries[0].name: "bellbuoy" is the registry that bellbuoy's own events are from: give this one another name`}},
		{"unknown registry type", "registries: [{name: a, type: Distribution}]\n", []string{`1: registries[0].type: unknown registry type "Distribution": did you mean "distribution"?`}},
		{"unknown target type", "targets: [{name: a, type: slack}]\n", []string{`1: targets[0].type: unknown target type "slack": there are webhook and inbox`}},
		{"unknown event type", "keep: [artifact.pull]\n", []string{`1: keep[0]: unknown event type "artifact.pull": did you mean "artifact.pulled"?`}},

		{"plugins", "plugins:\n  pins:\n  - {type: matrix, sha256: abc}\n  - {type: Matrix, sha256: " + sha + "}\n  - {type: matrix, sha256: " + sha +
			"}\n  - {type: webhook, sha256: " + sha + "}\n  - {}\n  allow: [exce]\ntargets: [{name: a, type: matrix}, {name: b, type: matrx}]\n", []string{
			`1: plugins.dir: is missing, and plugins are pinned: add the folder that has them, such as dir: /usr/lib/bellbuoy`,
			`3: plugins.pins[0].sha256: is no SHA-256 in 64 hexadecimal digits: write what "bellbuoy plugins hash FILE" prints`,
			`4: plugins.pins[1].type: "Matrix" is no name: use a to z, 0 to 9, ".", "_" and "-", and begin with a letter or digit`,
			`5: plugins.pins[2].type: "matrix" is pinned twice: remove one`,
			`6: plugins.pins[3]: warning: "webhook" comes with bellbuoy, which goes before a plugin: remove the pin, or give the plugin another type`,
			`7: plugins.pins[4].type: is missing: add it, for example "type: matrix"`,
			`7: plugins.pins[4].sha256: is missing: add it, for example "sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"`,
			`8: plugins.allow[0]: unknown target type that can be allowed "exce": did you mean "exec"?`,
			`9: targets[1].type: unknown target type "matrx": did you mean "matrix"?`,
		}},
		{"one file for several types", "plugins:\n  dir: /lib\n  pins:\n  - {type: kafka, file: bellbuoy-sender-brokers, sha256: " + sha + "}\n  - {type: nats, file: /lib/bellbuoy-sender-brokers, sha256: " + sha +
			"}\n  - {type: rabbit, file: rabbit, sha256: " + sha + "}\ntargets: [{name: a, type: kafka}, {name: b, type: amqp}]\n", []string{
			`5: plugins.pins[1].file: "/lib/bellbuoy-sender-brokers" is not the name of a plugin's file: write its name in plugins.dir alone, bellbuoy-sender-NAME`,
			`6: plugins.pins[2].file: "rabbit" is not the name of a plugin's file: write its name in plugins.dir alone, bellbuoy-sender-NAME`,
			`7: targets[1].type: "amqp" is served by bellbuoy-sender-brokers, which comes beside bellbuoy: put that file into the folder of plugins.dir, and what "bellbuoy plugins hash --type amqp FILE" prints into plugins.pins`,
		}},
		{"a type that has to be allowed", "plugins:\n  dir: /lib\n  pins: [{type: exec, sha256: " + sha + "}]\ntargets: [{name: a, type: exec}]\n", []string{
			`4: targets[0].type: "exec" is off, since it does more than send: write "plugins: {allow: [exec]}" if it is to be used here`,
		}},

		{"bad address", "listen: localhost\n", []string{`1: listen: "localhost" is no address: write HOST:PORT, such as 127.0.0.1:5080`}},
		{"bad port", "listen: localhost:70000\n", []string{`1: listen: "localhost:70000" has no port from 0 to 65535: write HOST:PORT, such as 127.0.0.1:5080`}},
		{"bad admin address", "admin: {listen: ':http'}\n", []string{`1: admin.listen: ":http" has no port from 0 to 65535: write HOST:PORT, such as 127.0.0.1:5081`}},
		{"admin from outside", "admin: {listen: ':5081'}\n", []string{`1: admin.listen: :5081 can be reached from outside, and there are neither tokens nor users: add who may ask, such as tokens: [{name: ops, role: admin, secret: {env: BB_TOKEN}}], or write a loopback address, such as 127.0.0.1:5081`}},
		{"one address for both", "admin: {listen: '127.0.0.1:5080'}\n", []string{`1: admin.listen: 127.0.0.1:5080 is the intake's address too: give one of them another port`}},
		{"no auth", registry + "listen: 0.0.0.0:5080\n", []string{
			`1: registries[0].auth: is missing, and listen (0.0.0.0:5080) can be reached from outside: add what the registry must show, one of bearer, basic, header, path and client_ca, such as auth: {bearer: {file: /run/secrets/hub}}`,
		}},
		{"empty auth", "listen: ':5080'\nregistries: [{name: hub, type: distribution, auth: []}]\n", []string{
			`2: registries[0].auth: is missing, and listen (:5080) can be reached from outside: add what the registry must show, one of bearer, basic, header, path and client_ca, such as auth: {bearer: {file: /run/secrets/hub}}`,
		}},
		{"auth as text", "listen: ':5080'\nregistries: [{name: hub, type: distribution, auth: s3cret}]\n", []string{
			`2: registries[0].auth: wants keys and values, found text: write {bearer: {file: PATH}}`,
		}},
		{"store elsewhere", "store: mysql://localhost/bb\n", []string{`1: store: mysql:// is not a store that there is: write the path of a file, such as ./bellbuoy.db, or the URL of a PostgreSQL database, such as postgres://bellbuoy@db.example.com/bellbuoy`}},
		{"store without a database", "store: postgres://localhost\n", []string{`1: store: names no database: write postgres://USER@HOST/DATABASE`}},
		{"store with a bad URL", "store: 'postgres://bb:s3%cret@localhost/bb'\n", []string{`1: store: is no URL: write postgres://USER@HOST/DATABASE, with %XX for characters that have a meaning in a URL`}},
		{"store with its password", "store: postgres://bb:s3cret@localhost/bb\n", []string{`1: store: warning: the password stands in this file, for all who can read it: leave it out, and set PGPASSWORD or PGPASSFILE in bellbuoy's environment`}},

		{"secret in the file", bearer("s3cret"), []string{`1: registries[0].auth.bearer: warning: the secret stands in this file, for all who can read it: write {env: NAME} or {file: PATH}`}},
		{"secret in a list", "registries:\n- name: hub\n  type: distribution\n  auth:\n  - bearer: s3cret\n", []string{`5: registries[0].auth[0].bearer: warning: the secret stands in this file, for all who can read it: write {env: NAME} or {file: PATH}`}},
		{"secret that is a number", bearer("12345"), []string{`1: registries[0].auth.bearer: wants text, found the number: put the secret in quotes, or better write {env: NAME} or {file: PATH}`}},
		{"empty secret", bearer(`""`), []string{`1: registries[0].auth.bearer: is empty: write {env: NAME} or {file: PATH}`}},
		{"no secret", bearer(`{env: A, file: B}`), []string{`1: registries[0].auth.bearer: is no secret: write {env: NAME} or {file: PATH}`}},
		{"secret of another kind", bearer(`{vault: A}`), []string{`1: registries[0].auth.bearer: is no secret: write {env: NAME} or {file: PATH}`}},
		{"missing variable", bearer("{env: BB_NOT_SET}"), []string{`1: registries[0].auth.bearer: environment variable BB_NOT_SET is not set: set it where bellbuoy is started`}},
		{"empty variable", bearer("{env: BB_EMPTY}"), []string{`1: registries[0].auth.bearer: environment variable BB_EMPTY is empty: set it to the secret`}},
		{"no variable", bearer(`{env: ""}`), []string{`1: registries[0].auth.bearer: names no environment variable: write {env: NAME}`}},
		{"missing file", bearer("{file: none}"), []string{`1: registries[0].auth.bearer: secret file DIR/none cannot be read: no such file or directory: correct the path, or give bellbuoy's user the right to read it`}},
		{"no file", bearer(`{file: ""}`), []string{`1: registries[0].auth.bearer: names no file: write {file: PATH}`}},
		{"empty file", bearer("{file: empty}"), []string{`1: registries[0].auth.bearer: secret file DIR/empty is empty: write the secret into it`}},
		{"large file", bearer("{file: large}"), []string{`1: registries[0].auth.bearer: secret file DIR/large is larger than 64 KiB: name the file that holds the secret`}},
		{"folder", bearer("{file: .}"), []string{`1: registries[0].auth.bearer: secret file DIR is not a regular file: name the file that holds the secret`}},
		{"open file", bearer("{file: open}"), []string{`1: registries[0].auth.bearer: warning: secret file DIR/open can be read by every user of this machine (mode 0644): take that right away with chmod o-r`}},
		{"bearer with a line break", bearer("{file: two lines}"), []string{`1: registries[0].auth.bearer: has a blank, a line break or a letter beyond ASCII in it, which no header carries: take another secret`}},
		{"bearer of a list with a line break", "registries: [{name: hub, type: distribution, auth: [{bearer: {file: two lines}}]}]\n", []string{`1: registries[0].auth[0].bearer: has a blank, a line break or a letter beyond ASCII in it, which no header carries: take another secret`}},

		{"options as text", options("http://x"), []string{`4: targets[0].options: wants keys and values, found text: write "key: value"`}},
		{"no options", options(""), []string{`4: targets[0].options: wants keys and values, found nothing: write "key: value"`}},
		{"missing variable in options", options("\n    headers:\n      X-Token: {env: BB_NOT_SET}"), []string{`6: targets[0].options.headers.X-Token: environment variable BB_NOT_SET is not set: set it where bellbuoy is started`}},
		{"missing file in options", options("{list: [{file: none}]}"), []string{`4: targets[0].options.list.0: secret file DIR/none cannot be read: no such file or directory: correct the path, or give bellbuoy's user the right to read it`}},
		{"duplicate option", options("{a: 1, a: 2}"), []string{`4: targets[0].options.a: is given twice, first in line 4: remove one`}},
		{"not a number", options("{a: .nan, b: -.inf}"), []string{
			`4: targets[0].options.a: is no number that JSON can say: put it in quotes if it is text`,
			`4: targets[0].options.b: is no number that JSON can say: put it in quotes if it is text`,
		}},
		{"leading zero", options("{a: 010, b: -09}"), []string{
			`4: targets[0].options.a: begins with a zero, which some read as octal: remove the zero, or put it in quotes if it is text`,
			`4: targets[0].options.b: begins with a zero, which some read as octal: remove the zero, or put it in quotes if it is text`,
		}},
		{"odd types", options("{a: !thing x, b: !!bool maybe, c: !!int x}"), []string{
			`4: targets[0].options.a: has the type !thing, which JSON does not have: remove it`,
			`4: targets[0].options.b: is marked as true or false and is neither: write one of the two`,
			`4: targets[0].options.c: is no number that JSON can say: put it in quotes if it is text`,
		}},
		{"deep options", options(strings.Repeat("{a: ", 70) + "1" + strings.Repeat("}", 70)), []string{
			`4: targets[0].options` + strings.Repeat(".a", 65) + `: is nested deeper than 64: make it flatter`,
		}},

		{"unknown anchor", "store: *a\n", []string{`1: is no YAML: unknown anchor 'a' referenced: correct the YAML about here`}},
		{"endless alias", options("{a: &a [*a]}"), []string{`4: targets[0].options.a.0.0: anchor "a" contains itself: write the value out`}},
		{"endless merge", options("{a: &a {<<: *a}}"), []string{`4: targets[0].options.a.<<.<<: anchor "a" contains itself: write the value out`}},
		{"endless alias of a list", "targets: &a\n- {name: ci, type: webhook}\n- *a\n", []string{`1: targets[1]: wants keys and values, found a list: write "key: value"`}},
		{"merge of text", "admin: {<<: x}\n", []string{`1: admin.<<: wants keys and values to merge, found text: write "key: value"`}},
		{"merge of lists", "admin: {<<: [[], {listen: '127.0.0.1:1'}]}\n", []string{`1: admin.<<: wants keys and values to merge, found a list: write "key: value"`}},

		{"all at once", "lisen: x\nstore: 5\nregistries: [{name: hub, type: x}]\nrules: [{name: a, deliver: [b]}]\n", []string{
			`1: lisen: unknown key: did you mean "listen"?`,
			`2: store: wants text, found the number 5: put it in quotes, "5"`,
			`3: registries[0].type: unknown registry type "x": there is only distribution`,
			`4: rules[0].deliver[0]: unknown target "b": there is none yet`,
		}},
	}
}

func TestBadConfigs(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string, mode os.FileMode) {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil { // whatever the umask
			t.Fatal(err)
		}
	}
	write("empty", "\n", 0o600)
	write("open", "s3cret", 0o644)
	write("two lines", "s3cret\nmore\n", 0o600)
	write("large", strings.Repeat("x", maxSecretFile+1), 0o600)
	for name, content := range accessFiles() {
		write(name, content, 0o600)
	}
	t.Setenv("BB_EMPTY", "")

	for _, tt := range append(badConfigs(), badAccess()...) {
		t.Run(tt.Name, func(t *testing.T) {
			c, got := parse(t, dir, tt.Text)
			if c == nil {
				t.Error("there is no config")
			}
			for i := range max(len(got), len(tt.Faults)) {
				g, w := "nothing", "nothing"
				if i < len(got) {
					g = got[i]
				}
				if i < len(tt.Faults) {
					w = tt.Faults[i]
				}
				if g != w {
					t.Errorf("fault %d:\n got %s\nwant %s", i, g, w)
				}
			}
		})
	}
}
