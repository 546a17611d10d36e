/* On Windows the headers in lxml's wheel include an iconv.h that the wheel does not have. They want this type, for a
 * member of a structure that nothing here looks at.
 */
#ifndef DUISIGN_ICONV_H
#define DUISIGN_ICONV_H

typedef void *iconv_t;

#endif
