// Package faults breaks things on purpose, around bellbuoy and beneath it, and holds it to
// its one promise: what was answered 202 reaches each of its targets, or ends in a way that
// the trace tells, whatever breaks. The tests are the package; the code beside them is what
// they share.
//
// The faults, the tests that show what becomes of them, and how often each is made by make
// test and by make faults. Tests without a folder are here.
//
//	bellbuoy is killed at random under load    TestKill                                20 kills      3 000
//	... at each named point of its sources     TestKillAtPoints                        31 points     31 x 40
//	... between and behind migrations          TestUpgrade                             6 schemas     6
//	... while it deletes what is too old       internal/store TestKilledWhileItDeletes 8 kills       8
//	... while it asks a registry               integration TestKilledDuringALookup     1             1
//	... while thousands are made again         integration TestRedeliverThroughKills   4 kills       4
//	... with a target that has a rate          integration TestRateAcrossKills         3 kills       3
//	... between a notice and its record        TestKillBetweenNoticeAndRecord          6 points      6
//	... with its senders, which end too        plugin/host TestSenderEndsWithAKilledHost
//	a sender is killed in the middle of sends  TestKillSender                          15 kills      5 000
//	... and another does not notice            plugin/host TestDeathReturnsSendsAtOnceAndStartsANewLife
//	... or its child outlives it               plugin/host TestGrandchildDoesNotHideTheDeath
//	a sender is stopped (SIGSTOP)              plugin/host TestStoppedSenderIsReplaced
//	... while the host closes                  plugin/host TestStoppedSenderDoesNotHoldUpClose
//	a sender deadlocks with a delivery         plugin/host TestSenderThatKeepsADeliveryIsReplaced
//	... says that it does not serve            plugin/host TestSenderThatReportsNotServingIsReplaced
//	a sender never ends its handshake          plugin/host TestSenderThatNeverAnswersDoesNotComeUp
//	... dies at each start                     plugin/host TestFailedStartsAreSpacedOut
//	... panics                                 plugin/host TestPanicIsAnErrorOfTheCall
//	... prints without end                     plugin/host TestPrintingNeverBlocks
//	... and answers without bounds             plugin/host TestMessagesAreBounded
//	bellbuoy is stopped and continued          TestPause                               2 x 3 s       50 x 30 s
//	bellbuoy is told to end under load         TestStop                                4 ends        50
//	... with sends that hang                   integration TestStopDrains              1             1
//	a second bellbuoy on the same store        TestSecondOnAStore                      4             20
//	64 open files, 64 MiB, one processor       TestLittle                              300 events    20 000
//	a store of an earlier schema               TestUpgrade                             6 schemas     6
//	a store of a later one                     integration TestStoreOfNewer            1             1
//	the power is cut, at any write             TestPowerCut                            3 000 cuts    1 000 000
//	... with syncs left out, which shows       TestPowerCutFindsMissingSyncs           until found   until found
//	the disk is full for a while               TestDiskFull                            300           2 000
//	... for the index of a long log            TestDiskFullForTheIndexOfTheLog         1             1
//	... a small disk in earnest                TestSmallDisk                           10            200
//	the disk fails, or is read-only            TestDiskFails                           5 x 60        5 x 2 000
//	files are damaged                          TestDamagedFile                         150           200 000
//	requests are forged, or posted again        TestForged                              184 ways      184
//	... credentials of all kinds               internal/intake TestCredentials         all           all
//	... bodies too large, cut short, endless   internal/intake TestRefusals            all           all
//	... without end                            internal/intake TestTooLargeInChunks    1             1
//	bodies are what no registry sends          TestPoison                              500 bodies    50 000
//	... and bellbuoy fails at one              internal/intake TestPanicIsQuarantined  1             1
//	an event of 4 MiB among others             TestLargeEventInAStream                 1             1
//	clients are slow, half-open or say nothing TestSlowClients                         200           2 000
//	... and are hung up on                     internal/intake TestSlowClients         51            51
//	targets are hostile, beside a good one     TestHostileTargets                      30 classes    30
//	... to the sender alone                    plugin/senders/webhook TestHostileServers  14 classes 14
//	... with every status                      plugin/senders/webhook TestStatusSaysWhatIsNext  500  500
//	... and lead to metadata services          plugin/senders/internal/post TestMetadataServicesAreOutOfReach
//	one target of many is dead, one hangs      TestDeadAndSlowTarget                   2 of 20       2 of 100
//	a target is down for twelve hours          internal/delivery TestCircuit           1             1
//	... really down, for a while               integration TestReceiverDownAndBack     1             1
//	the clock is set, while all else happens   internal/delivery TestSimulation        2 000 seeds   2 000
//	... between any two steps of the store     internal/store TestEveryEventEnds       500           500
//	... and no delay changes                   internal/store TestClockIsSet           12            12
package faults
