/* A function with the name of libxml2's, for a process that offers it to all its libraries. */
void xmlFreeNodeList(void *first);

void xmlFreeNodeList(void *first)
{
    (void)first;
}
