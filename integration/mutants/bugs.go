package main

// Finders that several bugs share.
var (
	model     = finder{".", "./internal/store", "^TestEveryEventEnds$"}
	condition = finder{".", "./internal/store", "^(TestConditionAfter|TestGate)$"}
	killed    = finder{"integration", "./faults", "^TestKill$"}
	cut       = finder{"integration", "./faults", "^TestPowerCut$"}
	simulated = finder{".", "./internal/delivery", "^TestSimulation$"}
)

// mutants are the bugs, by what they break.
func mutants() []mutant {
	return append([]mutant{
		// What was answered 202 is on disk.
		{
			name: "answered-before-stored", file: "internal/store/accept.go",
			old:    "		err = s.write(ctx, &job{run: w.events})\n",
			new:    "		go func() { _ = s.write(context.WithoutCancel(ctx), &job{run: w.events}) }()\n",
			finder: cut,
		},
		{
			name: "no-sync", file: "internal/store/sqlite.go",
			old:    "\"_pragma=synchronous(FULL)\"",
			new:    "\"_pragma=synchronous(NORMAL)\"",
			finder: cut,
		},
		{
			name: "failed-store-accepts", file: "internal/intake/handler.go",
			old:    "	if err != nil {\n		w.Header().Set(\"Retry-After\", \"5\")\n",
			new:    "	if err != nil && ctx.Err() != nil {\n		w.Header().Set(\"Retry-After\", \"5\")\n",
			finder: finder{".", "./internal/intake", "^TestStoreUnavailable$"},
		},
		{
			name: "full-store-accepts", file: "internal/store/accept.go",
			old:    "	if err := s.room(); err != nil {\n",
			new:    "	if err := s.room(); err != nil && a.Registry == \"\" {\n",
			finder: finder{".", "./internal/store", "^(TestLimitOfSpace|TestFullOfWhatWaits)$"},
		},
		{
			name: "no-lock", file: "internal/store/lock_unix.go",
			old:    "syscall.LOCK_EX|syscall.LOCK_NB",
			new:    "syscall.LOCK_SH|syscall.LOCK_NB",
			finder: finder{".", "./internal/store", "^TestOpenRefuses$"},
		},
		{
			name: "retention-takes-what-waits", file: "internal/store/forget.go",
			old: "		AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.event = e.seq\n			AND (d.state IN ('waiting', 'parked') OR d.state = 'folded' AND d.ended = 0))`,\n	deleteKeys",
			new: "`,\n	deleteKeys", finder: finder{".", "./internal/store", "^TestTakenUpAgainBeforeItGoes$"},
		},

		// Where several share a store.
		{
			name: "lost-answer-is-a-failure", file: "internal/store/share.go",
			old:    "	committed, known := p.became(p.tx)\n",
			new:    "	committed, known := false, true\n",
			finder: finder{".", "./internal/store", "^(TestAnswerToCommitIsLost|TestNobodyKnowsOfACommit)$"},
		},
		{
			name: "key-in-two-hands", file: "internal/store/postgres_sql.go",
			old:    "	freeKey  = `(d.key = '' OR NOT EXISTS",
			new:    "	freeKey  = `(true OR NOT EXISTS",
			finder: finder{".", "./internal/store", "^TestProcessesShareTheQueue$"},
		},
		{
			name: "dead-keep-their-leases", file: "internal/store/owners.go",
			old:    "WHERE lease <> 0 AND lease = ?1`",
			new:    "WHERE lease <> 0 AND lease = -?1`",
			finder: finder{".", "./internal/store", "^TestTakenForDead$"},
		},
		{
			name: "old-claims-count", file: "internal/store/deliveries.go",
			old:    "	if o.Lease != 0 {\n",
			new:    "	if o.Lease < 0 {\n",
			finder: finder{".", "./internal/store", "^TestOldClaimIsRefused$"},
		},

		// Each is delivered once, in order, and recorded as it was.
		{
			name: "outcome-not-fenced", file: "internal/store/sqlite.go",
			old:    "				THEN CASE WHEN hold = 0 THEN 9223372036854775807 ELSE ?9 + hold END ELSE hold_until END\n		WHERE seq = ?1 AND earlier + attempts + probes = ?2 AND lease = ?3 AND state = 'waiting'`,",
			new:    "				THEN CASE WHEN hold = 0 THEN 9223372036854775807 ELSE ?9 + hold END ELSE hold_until END\n		WHERE seq = ?1 AND (?2 <> ?3 OR true)`,",
			finder: model,
		},
		{
			name: "leases-outlive-the-process", file: "internal/store/sqlite.go",
			old:    "`UPDATE delivery SET lease = 0, digest = coalesce(digest, 0) WHERE seq IN (SELECT seq FROM delivery WHERE lease <> 0)`",
			new:    "`UPDATE delivery SET lease = 0, digest = coalesce(digest, 0) WHERE seq IN (SELECT seq FROM delivery WHERE lease <> 0 AND key = '')`",
			finder: finder{".", "./internal/store", "^TestLeasesAreVoidAfterRestart$"},
		},
		{
			name: "no-order", file: "internal/delivery/pump.go",
			old:    "		outcomes = append(outcomes, returned(l.queue)...)\n		p.queued -= len(l.queue)\n		delete(p.lanes, o.Key)\n",
			new:    "		if p.runnable = append(p.runnable, l); len(l.queue) == 0 {\n			p.runnable = p.runnable[:len(p.runnable)-1]\n			delete(p.lanes, o.Key)\n		}\n",
			finder: finder{".", "./internal/delivery", "^(TestOrderPerRepository|TestOrderUnderRandomFailures)$"},
		},
		{
			name: "repeats-are-events", file: "internal/store/accept.go",
			old:    "	if err != nil || !ok {\n		return false, err\n	}\n	if !it.Dedupe {",
			new:    "	if err != nil || !ok || it.Dedupe {\n		return false, err\n	}\n	if !it.Dedupe {",
			finder: finder{".", "./internal/store", "^TestRepeatIsCountedNotStored$"},
		},
		{
			name: "new-id-each-time", file: "plugin/senders/webhook/webhook.go",
			old:    "		\"Webhook-Id\":        {d.ID},\n",
			new:    "		\"Webhook-Id\":        {d.ID + \"-\" + strconv.FormatInt(time.Now().UnixNano(), 36)},\n",
			finder: killed,
		},
		{
			name: "outcome-forgotten", file: "internal/delivery/pump.go",
			old:    "	p.d.recorder.add(outcomes...)\n}\n\nfunc returned",
			new:    "	if o.Attempt%2 == 0 {\n		p.d.recorder.add(outcomes...)\n	}\n}\n\nfunc returned",
			finder: simulated,
		},

		// Targets are spared, and come back.
		{
			name: "throttle-is-a-failure", file: "internal/store/condition.go",
			old:    "	case a.dead:\n		c.Failures++\n",
			new:    "	case a.dead, a.outcome == plugin.ThrottledTarget:\n		c.Failures++\n",
			finder: condition,
		},
		{
			name: "probes-all-at-once", file: "internal/store/condition.go",
			old:    "	return gate{sends: 1, probe: true}\n",
			new:    "	return gate{sends: math.MaxInt}\n",
			finder: condition,
		},
		{
			name: "wish-ignored", file: "internal/delivery/policy.go",
			old:    "	if asked := Asked(v, now); asked.After(next) {",
			new:    "	if asked := Asked(v, now); asked.After(next.Add(2 * maxRetryAfter)) {",
			finder: finder{".", "./internal/delivery", "^TestNext$"},
		},
		{
			name: "years-of-silence", file: "internal/delivery/policy.go",
			old:    "	return now.Add(min(after, maxRetryAfter))",
			new:    "	return now.Add(after)",
			finder: finder{".", "./internal/delivery", "^TestAsked$"},
		},
		{
			name: "rate-forgets-at-a-kill", file: "internal/store/pace.go",
			old:    "	left := rate.Sends - flying - spent\n",
			new:    "	left := rate.Sends - flying - spent/2\n",
			finder: finder{".", "./internal/store", "^TestRateHoldsInAnyWindow$"},
		},

		// Nothing gets out or in that must not.
		{
			name: "redirects-followed", file: "plugin/senders/internal/post/post.go",
			old:    "return http.ErrUseLastResponse",
			new:    "return nil",
			finder: finder{".", "./plugin/senders/webhook", "^TestRedirectIsNotFollowed$"},
		},
		{
			name: "metadata-in-reach", file: "plugin/senders/internal/egress/address.go",
			old:    "	for _, v4 := range embedded(a) {\n		if denied4(v4) {",
			new:    "	for _, v4 := range embedded(a) {\n		if denied4(v4) && a.Is4() {",
			finder: finder{".", "./plugin/senders/internal/egress", "^TestDenied$"},
		},
		{
			name: "environment-to-senders", file: "plugin/host/env.go",
			old:    "	var env []string\n",
			new:    "	env := os.Environ()\n",
			finder: finder{".", "./plugin/host", "^TestSenderSeesOnlyTheAllowedEnvironment$"},
		},
		{
			name: "secrets-in-the-trace", file: "internal/delivery/mask.go",
			old:    "	for _, secret := range t.Masks {\n",
			new:    "	for _, secret := range t.Masks[:0] {\n",
			finder: finder{".", "./internal/delivery", "^TestOldAndNewSecretsAreMasked$"},
		},
		{
			name: "no-credentials-needed", file: "internal/intake/handler.go",
			old:    "	if !reg.admits(r, at.secret) {",
			new:    "	if !reg.admits(r, at.secret) && at.secret != \"\" {",
			finder: finder{".", "./internal/intake", "^TestCredentials$"},
		},
	}, inboxes()...)
}
