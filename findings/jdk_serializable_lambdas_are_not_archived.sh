#!/bin/bash
# A JVM 17 archives the class of a lambda, but not if the lambda is serializable. All lambdas of Scala are.
#
# Expected: an archive that is made at the end of a run (`-XX:ArchiveClassesAtExit`) holds the classes of all lambdas of
#   the archived code, as JDK 16 and newer do for Java's.
# Seen: a lambda whose interface is serializable gets a new class in each run. The Scala compiler makes every function
#   literal such a lambda, so a program in Scala, such as Spark, makes thousands of classes at each start, whatever its
#   archive holds.
#
# A program with one lambda of each kind makes an archive and then runs with it.
# Needs Python 3, Java 17, and Maven Central (for a compiler, ecj 3.33.0). Exits with 0 while this is so, and with
# another status if it changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
curl --silent --show-error --fail --output "$folder/ecj.jar" \
    https://repo1.maven.org/maven2/org/eclipse/jdt/ecj/3.33.0/ecj-3.33.0.jar

mkdir "$folder/plain" "$folder/classes"
cat > "$folder/Plain.java" <<'JAVA'
class Plain {
    static Runnable make() { return () -> System.out.print(""); }
}
JAVA
cat > "$folder/Kept.java" <<'JAVA'
class Kept {
    static Runnable make() { return (Runnable & java.io.Serializable) () -> System.out.print(""); }
}
JAVA
cat > "$folder/Main.java" <<'JAVA'
public class Main {
    public static void main(String[] arguments) {
        Plain.make().run();
        Kept.make().run();
    }
}
JAVA
java -jar "$folder/ecj.jar" -17 -d "$folder/classes" "$folder"/*.java
(cd "$folder/classes" && python3 -m zipfile -c "$folder/main.jar" ./*.class)

java -XX:ArchiveClassesAtExit="$folder/archive" -Xlog:disable -cp "$folder/main.jar" Main
java -XX:SharedArchiveFile="$folder/archive" -Xlog:class+load=info:file="$folder/loaded" -cp "$folder/main.jar" Main

source_of() {
    sed -n "s/.* $1\$\$Lambda.* source: //p" "$folder/loaded"
}
plain=$(source_of Plain) kept=$(source_of Kept)
java -version 2>&1 | head -n 1
echo "class of the plain lambda: $plain; of the serializable one: $kept"
[ "$plain" = "shared objects file (top)" ] && [ "$kept" = Kept ]
