package models

// ChangeSink receives one consistent read of the configuration: first the deletions since the last read, then the
// rows that are new or changed. A pointer is valid during the call only; strings, slices and maps behind it are not
// reused and may be kept.
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
	// Deleted names a row that is gone: its table and its primary key, the parts of a composite key joined by IDSep.
	Deleted(table, id string)
}

// IDSep joins the parts of a composite primary key in ChangeSink.Deleted ("team_id\x1fuser_id").
const IDSep = "\x1f"
