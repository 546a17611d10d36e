/* The library of Windows that Rust's programs take random octets from, for a Wine that has none. */
#include <windows.h>

BOOLEAN NTAPI SystemFunction036(PVOID octets, ULONG length);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE octets, SIZE_T length)
{
    return SystemFunction036(octets, (ULONG)length);
}
