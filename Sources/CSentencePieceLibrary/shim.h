// The C++ headers of libsentencepiece are included by CSentencePiece alone; Swift sees only its C interface.
