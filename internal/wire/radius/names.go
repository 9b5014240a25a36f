package radius

// StatusType says what an Accounting-Request reports (RFC 2866 section 5.1).
type StatusType uint32

// The status types; Failed is RFC 2867's.
const (
	StatusStart         StatusType = 1
	StatusStop          StatusType = 2
	StatusInterimUpdate StatusType = 3
	StatusAccountingOn  StatusType = 7
	StatusAccountingOff StatusType = 8
	StatusFailed        StatusType = 15
)

var statusNames = map[StatusType]string{
	StatusStart: "Start", StatusStop: "Stop", StatusInterimUpdate: "Interim-Update",
	StatusAccountingOn: "Accounting-On", StatusAccountingOff: "Accounting-Off", StatusFailed: "Failed",
}

// String returns the name of s in RFC 2866.
func (s StatusType) String() string { return nameOf(statusNames, s) }

// TerminateCause says why a session ended (RFC 2866 section 5.10).
type TerminateCause uint32

var terminateNames = map[TerminateCause]string{
	1: "User Request", 2: "Lost Carrier", 3: "Lost Service", 4: "Idle Timeout", 5: "Session Timeout",
	6: "Admin Reset", 7: "Admin Reboot", 8: "Port Error", 9: "NAS Error", 10: "NAS Request",
	11: "NAS Reboot", 12: "Port Unneeded", 13: "Port Preempted", 14: "Port Suspended",
	15: "Service Unavailable", 16: "Callback", 17: "User Error", 18: "Host Request",
}

// String returns the name of c in RFC 2866.
func (c TerminateCause) String() string { return nameOf(terminateNames, c) }

// Cause is the value of Error-Cause: what a CoA or Disconnect request came to
// (RFC 5176 section 3.5).
type Cause uint32

// The causes.
const (
	CauseContextRemoved        Cause = 201
	CauseInvalidEAP            Cause = 202
	CauseUnsupportedAttribute  Cause = 401
	CauseMissingAttribute      Cause = 402
	CauseNASMismatch           Cause = 403
	CauseInvalidRequest        Cause = 404
	CauseUnsupportedService    Cause = 405
	CauseUnsupportedExtension  Cause = 406
	CauseInvalidValue          Cause = 407
	CauseProhibited            Cause = 501
	CauseNotRoutable           Cause = 502
	CauseSessionNotFound       Cause = 503
	CauseSessionNotRemovable   Cause = 504
	CauseProxyError            Cause = 505
	CauseResources             Cause = 506
	CauseRequestInitiated      Cause = 507
	CauseMultipleSessionsUnfit Cause = 508
)

var causeNames = map[Cause]string{
	CauseContextRemoved: "Residual Session Context Removed", CauseInvalidEAP: "Invalid EAP Packet",
	CauseUnsupportedAttribute: "Unsupported Attribute", CauseMissingAttribute: "Missing Attribute",
	CauseNASMismatch: "NAS Identification Mismatch", CauseInvalidRequest: "Invalid Request",
	CauseUnsupportedService: "Unsupported Service", CauseUnsupportedExtension: "Unsupported Extension",
	CauseInvalidValue: "Invalid Attribute Value", CauseProhibited: "Administratively Prohibited",
	CauseNotRoutable: "Request Not Routable", CauseSessionNotFound: "Session Context Not Found",
	CauseSessionNotRemovable: "Session Context Not Removable", CauseProxyError: "Other Proxy Processing Error",
	CauseResources: "Resources Unavailable", CauseRequestInitiated: "Request Initiated",
	CauseMultipleSessionsUnfit: "Multiple Session Selection Unsupported",
}

// String returns the name of c in RFC 5176.
func (c Cause) String() string { return nameOf(causeNames, c) }
