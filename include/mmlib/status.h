/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief One status for every function that can fail. */
#ifndef MMLIB_STATUS_H
#define MMLIB_STATUS_H

/** Results. 0 is success. Values that Linux has an errno for are that errno, negated, so a kernel
 *  that uses those numbers passes them on; mmlib's own start at -2001. An operation that returns an
 *  error has changed nothing, unless its documentation says otherwise. */
enum mm_status {
	MM_OK = 0,               /**< done */
	MM_E_PERM = -1,          /**< a policy of the host forbids it (W^X) */
	MM_E_NOENT = -2,         /**< nothing there */
	MM_E_IO = -5,            /**< a backing store failed */
	MM_E_2BIG = -7,          /**< more entries than the caller gave room for */
	MM_E_AGAIN = -11,        /**< others hold it for a moment: try again */
	MM_E_NOMEM = -12,        /**< no memory that fits */
	MM_E_ACCES = -13,        /**< rights beyond the allowed ones */
	MM_E_FAULT = -14,        /**< an address the caller may not touch */
	MM_E_BUSY = -16,         /**< in use */
	MM_E_EXIST = -17,        /**< something is there already */
	MM_E_INVAL = -22,        /**< an argument makes no sense */
	MM_E_NOSPC = -28,        /**< no room in a table of fixed size */
	MM_E_RANGE = -34,        /**< an address or value the format cannot represent */
	MM_E_OVERFLOW = -75,     /**< size arithmetic would wrap */
	MM_E_NOTSUP = -95,       /**< this build or this hardware cannot do it */
	MM_E_DOUBLE_FREE = -2001, /**< it is free already */
	MM_E_FOREIGN = -2002,    /**< never came from this allocator */
	MM_E_ALIGN = -2003,      /**< inside a block or object, not its start */
	MM_E_ORDER = -2004,      /**< freed with another order or size than allocated */
	MM_E_OWNER = -2005,      /**< it belongs to another part (a page table, another cache) */
	MM_E_PORT = -2006,       /**< a port is incomplete, of another version, or returned garbage */
	MM_E_STATE = -2007,      /**< used before init or after destroy */
	MM_E_CORRUPT = -2008,    /**< metadata is damaged */
	MM_E_BBM = -2009,        /**< needs break-before-make on a range that must stay mapped */
};

#ifdef __cplusplus
extern "C" {
#endif
/** Name of a status, for logs.
 *  @param status any value
 *  @return static text like "MM_E_NOMEM"; "MM_E_?" for a value that is not in #mm_status
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
const char *mm_status_name(enum mm_status status);
#ifdef __cplusplus
}
#endif
#endif
