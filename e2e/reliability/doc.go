// Package reliability holds the tests of what Gatehouse promises when things go wrong: real processes that are killed,
// databases that stop or hang, full disks, clients that leave or never come to the point. Each test is named in
// docs/reliability.md beside the promise that it keeps, and logs the figure that stands there.
package reliability
