package models

// ChangeSink takes a stream of config rows: what a reader of the change feed hands to the auth snapshot. A row is
// complete and replaces what was known of it; its Seq is the stamp of its last change. The pointer is valid during the
// call only, so whoever keeps a row copies what it needs. Calls come from one goroutine.
type ChangeSink interface {
	Key(*Key)
	OldSecret(*OldSecret)
	Team(*Team)
	User(*User)
	Membership(*Membership)
	Organization(*Organization)
	OrgMembership(*OrgMembership)
	Budget(*Budget)
	Customer(*Customer)
	Deployment(*DeploymentRow)
	AccessGroup(*AccessGroup)
	Setting(*Setting)
	// Deleted names a row that is gone, by table name (TableName of its type) and id. Composite ids are joined by
	// ChangeIDSep ("team_id\x1fuser_id"). A row that was made again under the same id is streamed as itself; so that
	// order does not matter, a reader sends a deletion only for ids that have no row in the same read.
	Deleted(table, id string)
}

// ChangeIDSep joins the parts of a composite id in ChangeSink.Deleted.
const ChangeIDSep = "\x1f"
